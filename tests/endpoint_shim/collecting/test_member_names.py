"""Names of members: good on every system, different on every system, like what they are of."""

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_shim.collecting import member_names
from endpoint_shim.collecting.member_names import LONGEST_PART, MemberNames, safe

BAD = '<>:"\\|?*'


def names(*paths: str) -> list[str]:
    known = MemberNames(["MANIFEST.sha256"])
    return [known.of(path.split("/")) for path in paths]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("a b.txt", "a b.txt"),
        ("a%20b.txt", "a%20b.txt"),
        (".bashrc", ".bashrc"),
        ("C:\\x.txt", "C__x.txt"),
        ("..", "__"),
        (".", "_"),
        ("", "_"),
        ("x. ", "x__"),
        ("con", "_con"),
        ("aux.txt", "_aux.txt"),
        ("Nul .log", "_Nul .log"),
        ("com1", "_com1"),
        ("console", "console"),
        ("a\nb", "a_x0ab"),
        ("raw:i%FFj", "i_xffj"),
        ("‮cod.exe", "_u{202e}cod.exe"),
    ],
)
def test_a_part_is_good_on_every_system(part: str, name: str) -> None:
    assert safe(part) == name


def test_blanks_and_their_percent_form_stay_apart() -> None:
    """Field report zip-urlenc."""
    assert names("a b.txt", "a%20b.txt", "100%.txt", "%2e%2e%2fup.txt") == [
        *("a b.txt", "a%20b.txt", "100%.txt", "%2e%2e%2fup.txt"),
    ]


def test_names_that_differ_by_case_or_composition_alone_get_numbers() -> None:
    decomposed = unicodedata.normalize("NFD", "é.txt")
    assert names("A.txt", "a.txt", "a.TXT", "é.txt", decomposed) == [
        *("A.txt", "a~2.txt", "a~3.TXT", "é.txt", "é~2.txt"),
    ]


def test_a_file_is_never_where_a_folder_of_another_is() -> None:
    assert names("x/a", "x", "y", "y/b", "X/c") == ["x/a", "x~2", "y", "y~2/b", "X~3/c"]


def test_the_packages_own_names_are_taken() -> None:
    assert names("manifest.SHA256", "MANIFEST.sha256/x") == [
        *("manifest~2.SHA256", "MANIFEST~3.sha256/x"),
    ]


def test_a_deep_or_long_name_is_cut_and_stays_one_of_its_own() -> None:
    deep = "/".join(f"folder number {n}" for n in range(40))
    found = names(f"Logs/{deep}/a.log", f"Logs/{deep}x/a.log", "Logs/" + "n" * 300 + ".txt")
    assert len(set(found)) == 3
    assert all(len(one) < 200 and one.startswith("Logs/") for one in found)
    assert found[0].endswith("/a.log") and found[2].endswith(".txt")


@given(st.lists(st.lists(st.text(max_size=40), min_size=1, max_size=4), max_size=12))
def test_no_two_members_are_one_file_anywhere(paths: list[list[str]]) -> None:
    known = MemberNames([])
    found = [known.of(path) for path in paths]
    keys = [unicodedata.normalize("NFKC", one).casefold() for one in found]
    assert len(set(keys)) == len(keys)
    assert not any(b.startswith(f"{a}/") for a, b in itertools.permutations(keys, 2))
    for name in found:
        for part in name.split("/"):
            assert part not in ("", ".", "..") and not set(part) & set(BAD)
            assert part == part.rstrip(". ") and part.isprintable()
            assert len(part.encode()) <= LONGEST_PART


def test_thousands_of_names_that_are_one_cost_a_look_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may make them: all of `a?`, `a*`, `a<` and so on are `a_`."""
    looks = 0
    real = member_names._key

    def key(name: str) -> str:
        nonlocal looks
        looks += 1
        return real(name)

    monkeypatch.setattr(member_names, "_key", key)
    paths = ["".join(one) for one in itertools.islice(itertools.product(BAD, repeat=4), 1000)]
    assert len(set(names(*paths))) == 1000
    assert looks < 10_000
