"""Windows paths are made whole by their letters, and have one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language.errors import FirelineError, NotUnderstood, Refused
from commands.language.names import Name, from_text, to_units
from endpoint_shim.windows import paths

UNITS = st.text(st.characters(codec=None, exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize(
    ("folder", "path", "whole"),
    [
        ("C:\\", None, "C:\\"),
        ("C:\\Users", "x", "C:\\Users\\x"),
        ("C:\\Users", "..\\..\\..", "C:\\"),
        ("C:\\Users", "/Windows/./System32", "C:\\Windows\\System32"),
        ("C:\\Users", "c:", "C:\\"),
        ("C:\\Users", "D:", "D:\\"),
        ("C:\\Users", "c:x", "C:\\Users\\x"),
        ("C:\\Users", "d:\\x\\", "D:\\x"),
        ("C:\\", "\\\\?\\C:\\x", "C:\\x"),
        ("C:\\", "dot.", "C:\\dot."),
        ("C:\\", "space ", "C:\\space "),
        ("C:\\", "con", "C:\\con"),
        ("C:\\", "nul.txt", "C:\\nul.txt"),
        ("C:\\", "raw:a%uD800b", "C:\\a\ud800b"),
    ],
)
def test_a_path_is_seen_from_the_folder(folder: str, path: str | None, whole: str) -> None:
    assert paths.joined(Name(folder), None if path is None else Name(path)) == whole


@pytest.mark.parametrize(
    "path",
    [
        *("\\\\server\\share", "//server/share", "\\\\.\\pipe\\x", "\\\\.\\PhysicalDrive0"),
        *("\\\\?\\GLOBALROOT\\Device\\x", "\\\\?\\UNC\\server\\share", "//?/Volume{x}"),
        *("x::$DATA", "C:\\x:stream", "x:y:$INDEX_ALLOCATION", "\\\\?\\C:\\x:y"),
    ],
)
def test_network_devices_and_streams_are_refused(path: str) -> None:
    with pytest.raises((Refused, NotUnderstood)):
        paths.joined(Name("C:\\"), Name(path))


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("x.txt:Zone.Identifier", "C:\\x.txt:Zone.Identifier"),
        ("d/x:a b", "C:\\d\\x:a b"),
        ("raw:xy:%uD800", "C:\\xy:\ud800"),
    ],
)
def test_a_stream_is_named_where_one_is_wanted(path: str, whole: str) -> None:
    assert paths.joined(Name("C:\\"), Name(path), stream=True) == whole
    assert paths.file_of(whole) == whole.rpartition(":")[0]
    assert paths.file_of("C:\\x") == "C:\\x"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("xx::$DATA", r"is another spelling of C:\\xx; ask for that"),
        ("xx:y:$DATA", r"is another spelling of C:\\xx:y; ask for that"),
        ("xx:", r"is another spelling of C:\\xx; ask for that"),
        ("xx:y:$INDEX_ALLOCATION", "no stream of one that is looked at"),
        ("xx:y:z:$DATA", "no stream of one that is looked at"),
        ("xx:y\\z", "no stream of one|no file, and"),
        (".\\:y", "no stream of one|no file, and"),
    ],
)
def test_a_stream_has_one_spelling(path: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        paths.joined(Name("C:\\"), Name(path), stream=True)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (2, "x does not exist"),
        (5, "access is denied"),
        (32, "in use by another program that does not share it"),
        (33, "a part of it is locked by another program"),
        (112, "no space is left for C:\\\\x"),
        (123, "no name that this system takes"),
        (206, "a name longer than"),
        (267, "is no folder"),
    ],
)
def test_what_the_system_says_is_told_in_words(number: int, words: str) -> None:
    error = OSError(22, "It says this.")
    error.winerror = number  # type: ignore[attr-defined]
    with pytest.raises(FirelineError, match=words):
        raise paths.in_words(error, "C:\\x")


def test_a_folder_of_another_drive_is_asked_for_whole() -> None:
    with pytest.raises(NotUnderstood, match=r"say D:\\x"):
        paths.joined(Name("C:\\Users"), Name("D:x"))


def test_a_nul_is_no_part_of_a_path() -> None:
    with pytest.raises(NotUnderstood, match="NUL"):
        paths.joined(Name("C:\\"), Name("a\0b"))


@given(UNITS)
def test_whatever_is_asked_the_whole_path_is_of_one_drive_and_names_no_stream(asked: str) -> None:
    try:
        whole = paths.joined(Name("C:\\Users"), from_text(asked))
    except (Refused, NotUnderstood):
        return
    assert whole[1:3] == ":\\" and whole[0].isascii() and whole[0].isupper()
    assert ":" not in whole[2:] and "/" not in whole
    assert not {".", ".."} & set(whole.split("\\"))
    assert paths.joined(from_text(whole), None) == whole
    assert to_units(from_text(whole)) == whole


@pytest.mark.parametrize(
    ("real", "plain"),
    [
        ("\\\\?\\C:\\x", "C:\\x"),
        ("\\\\?\\UNC\\server\\share\\x", "\\\\server\\share\\x"),
        ("C:\\x", "C:\\x"),
    ],
)
def test_a_real_path_is_written_as_a_person_does(real: str, plain: str) -> None:
    assert paths.without_prefix(real) == plain
