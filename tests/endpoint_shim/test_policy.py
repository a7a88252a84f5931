"""The device's own policy: what it refuses, by which line, and what is wrong with a file."""

import os
from pathlib import Path

import pytest

from commands.language.errors import Refused
from endpoint_shim import policy
from endpoint_shim.policy import Policy

TEXT = """# web-01's own
deny = [
    "shell",  # never here
    "Run",
]
off_limits = ["/root/secret", "/srv/keys"]
"""


def ours(text: str = TEXT) -> Policy:
    return Policy(policy.parse(text), "web-01")


def test_words_and_paths_carry_their_line() -> None:
    said = policy.parse(TEXT)
    assert said.deny == {"shell": 3, "run": 4}
    assert said.off_limits == {"/root/secret": 6, "/srv/keys": 6}


def test_a_denied_word_is_refused_by_its_line() -> None:
    with pytest.raises(Refused, match=r"^shell on web-01 by its own policy \(policy.toml line 3\)"):
        ours().check_word("shell")
    ours().check_word("processes")


@pytest.mark.parametrize(
    "path", ["/root/secret", "/root/secret/a/b", "/root/x/../secret", "/srv/keys/"]
)
def test_a_path_off_limits_is_refused_with_all_below_it(path: str) -> None:
    with pytest.raises(Refused, match=r"policy.toml line 6"):
        ours().check_path(path)


@pytest.mark.parametrize("path", ["/root", "/root/secrets", "/root/secre", "/srv"])
def test_a_path_beside_one_off_limits_is_not(path: str) -> None:
    ours().check_path(path)


def test_everything_is_off_limits_below_the_root() -> None:
    with pytest.raises(Refused):
        ours('off_limits = ["/"]').check_path("/etc")


def test_a_path_that_is_no_text_is_refused_in_visible_words() -> None:
    with pytest.raises(Refused, match="xff"):
        ours().check_path(os.fsdecode(b"/root/secret/\xff"))


def test_where_a_link_leads_is_off_limits_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    found = ours(f'off_limits = ["{tmp_path}/link"]').resolved()
    with pytest.raises(Refused):
        found.check_path(f"{tmp_path}/real/x")


def test_a_hung_mount_is_refused_until_it_is_let_go() -> None:
    found = ours("")
    found.now_hung({"/mnt/x": "pid 7 hangs in /mnt/x"})
    with pytest.raises(Refused, match="pid 7 hangs"):
        found.check_path("/mnt/x/a")
    found.now_hung({})
    found.check_path("/mnt/x/a")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# ours\ndeny = 1 2", "policy.toml line 2: expected newline"),
        ("\ndeny = ['shell'", "policy.toml line 2: unclosed array"),
        ("denny = []", "policy.toml line 1: denny is no key"),
        ("deny = " + "[" * 2000, "policy.toml line 1: it is nested too deep"),
        ("deny = 'shell'", "policy.toml line 1: deny is a list"),
        ("deny = [1]", "policy.toml line 1: deny is a list"),
        ("\noff_limits = ['secret']", "line 2: off_limits takes whole paths"),
        ("deny = [" + "'x'," * 201 + "]", "at most 200"),
    ],
)
def test_a_mistake_denies_everything(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    said = policy.load(path)
    assert words in said.error
    for word in ("putfile", "processes", "dir", "shell"):
        with pytest.raises(Refused) as refused:
            Policy(said, "web-01").check_word(word)
        told = f"{word} on web-01: its own policy is broken, so nothing runs there ("
        assert str(refused.value).startswith(told) and words in str(refused.value)
        assert str(refused.value).endswith(f"; {policy.MEND}")


def test_no_file_is_no_policy(tmp_path: Path) -> None:
    assert policy.load(tmp_path / "policy.toml") == policy.parse("")


def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(TEXT)
    path.chmod(0o664)
    assert "others can write it" in policy.load(path).error


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away needs root")
def test_a_file_of_another_user_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(TEXT)
    os.chown(path, 1234, 1234)
    assert "belongs to user 1234" in policy.load(path).error


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(TEXT)
    (tmp_path / "policy.toml").symlink_to("real")
    assert policy.load(tmp_path / "policy.toml").error
