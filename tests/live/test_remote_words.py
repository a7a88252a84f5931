"""The folder that a path being typed is in, and what of it stands in the menu."""

import pytest

from commands.language.host.files import FileRow
from commands.language.host.processes import ProcessRow
from commands.language.names import Name
from server.live.remote_words import _word, folder_of


@pytest.mark.parametrize(
    ("typed", "windows", "folder"),
    [
        ("", False, ""),
        ("na", False, ""),
        ("/", False, "/"),
        ("/etc/pa", False, "/etc/"),
        ("a\\b", False, ""),
        ("C:\\Us", True, "C:\\"),
        ("C:/Users/al", True, "C:/Users/"),
        ("Users\\al", True, "Users\\"),
        ("C:", True, ""),
    ],
)
def test_the_folder_is_what_stands_before_the_last_separator(
    typed: str, windows: bool, folder: str
) -> None:
    assert folder_of(typed, windows) == folder


@pytest.mark.parametrize(
    ("folder", "row", "word"),
    [
        ("/etc/", FileRow(path=Name("/etc/hosts"), is_directory=False, size=1234),
         ("/etc/hosts", "1,234 bytes")),
        ("", FileRow(path=Name("/srv/x y"), is_directory=True), ("x y/", "folder")),
        ("C:\\", FileRow(path=Name("C:\\Users"), is_directory=True, kind="directory"),
         ("C:\\Users\\", "folder")),
        ("C:/", FileRow(path=Name("C:\\Users"), is_directory=True), ("C:/Users/", "folder")),
        ("/", FileRow(path=Name("/p"), is_directory=False, kind="pipe"), ("/p", "pipe")),
        ("/", FileRow(path=Name("raw:/i%FFj"), is_directory=False, size=1),
         ("raw:/i%FFj", "1 byte")),
        ("", ProcessRow(name=Name("sshd"), pid=79), ("79", "sshd")),
    ],
)  # fmt: skip
def test_a_row_is_the_path_as_it_would_have_been_typed(
    folder: str, row: FileRow | ProcessRow, word: tuple[str, str]
) -> None:
    assert _word("paths", folder, row) == word
