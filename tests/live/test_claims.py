"""What each word may yield on a device, and what its end needs: held to its own declaration."""

import msgspec
import pytest

from commands.collect import Collect
from commands.language import items
from commands.language.command import Command, DeviceCommand, discover
from commands.language.items import (
    Done,
    Folder,
    Hole,
    Into,
    Note,
    Progress,
    RowItem,
    Taken,
    Undoable,
)  # fmt: skip
from commands.language.items import Written as WrittenItem
from commands.language.line import parse
from commands.language.names import Name
from commands.putfile import PutFile
from commands.run import Run
from commands.shell import Shell
from server.live.claims import Claims, wanted

SHA, OTHER = "a" * 64, "b" * 64
ROW = RowItem(row=msgspec.Raw(b"{}"))
FILE, TEXT = Into("file", Name("/x")), Into("text")
PACKAGE = Into("file", Name("web-01-20261129T095612Z.zip"))
TAKEN = Taken(size=1, sha256=SHA)
WRITTEN = WrittenItem(Name("/x"), 5, SHA)
FOLDER, UNDO = Folder(Name("/")), Undoable("undo")
KINDS: dict[str, items.Sent] = {
    "row": ROW, "file": FILE, "text": TEXT, "written": WRITTEN, "folder": FOLDER, "undo": UNDO,
}  # fmt: skip
GIVES = {
    "processes": {"row"},
    "connections": {"row"},
    "dir": {"row"},
    "fileinfo": {"row"},
    "findfile": {"row"},
    "cat": {"text"},
    "cd": {"folder"},
    "collect": {"row", "file"},
    "getfile": {"file"},
    "putfile": {"written", "undo"},
    "run": {"text", "undo"},
    "scan": {"row"},
    "whatif": {"row"},
}
LINES = {
    "processes": "processes", "connections": "connections", "dir": "dir /",
    "fileinfo": "fileinfo /x", "findfile": "findfile x", "cat": "cat /x", "cd": "cd /",
    "getfile": "getfile /x", "scan": "scan", "collect": "collect", "whatif": "whatif isolate",
}  # fmt: skip


def command(word: str) -> Command:
    if word == "putfile":
        return PutFile(name="x", path=Name("/x"), sha256=SHA, size=5)
    return Run(script="x", sha256=SHA) if word == "run" else parse(LINES[word]).command


def claims(of: Command, folder: str = "/") -> Claims:
    made = Claims(of)
    made.folder = Name(folder)
    return made


def refused(held: Claims, item: items.Sent) -> str:
    with pytest.raises(msgspec.ValidationError) as error:
        held.check(item)
    return str(error.value)


def test_every_device_word_is_looked_at_here() -> None:
    words = {w for w, kind in discover().items() if issubclass(kind, DeviceCommand)}
    assert words == set(GIVES)


@pytest.mark.parametrize("word", GIVES)
def test_a_word_yields_what_it_declares_and_nothing_else(word: str) -> None:
    kinds = KINDS | ({"file": PACKAGE} if word == "collect" else {})
    for kind, item in kinds.items():
        if kind in GIVES[word]:
            claims(command(word)).check(item)
        else:
            assert refused(claims(command(word)), item).startswith(f"{word} gives no ")
    for item in (Progress(1), Note("n"), Done("failed", "no")):
        claims(command(word)).check(item)


@pytest.mark.parametrize("word", GIVES)
def test_only_a_word_with_text_or_a_file_that_was_begun_has_bytes(word: str) -> None:
    held = claims(command(word))
    if "text" in GIVES[word]:
        held.check_bytes()
    else:
        with pytest.raises(msgspec.ValidationError, match="gives no bytes"):
            held.check_bytes()


@pytest.mark.parametrize("word", GIVES)
def test_a_good_end_needs_what_the_word_is_for(word: str) -> None:
    done = Done(exit_code=0)
    if wanted(type(command(word)).spec):
        assert refused(claims(command(word)), done).startswith("done, and n")
    else:
        claims(command(word)).check(done)


def test_a_file_comes_once_and_ends_once() -> None:
    held = claims(command("getfile"))
    assert refused(held, TAKEN) == "the end of a file that was not begun"
    held.check(FILE)
    held.check_bytes()
    held.check(Hole(1))
    assert refused(held, FILE) == "a second file"
    held.check(TAKEN)
    assert refused(held, TAKEN) == "a second taken"
    with pytest.raises(msgspec.ValidationError, match="after the end"):
        held.check_bytes()
    assert refused(held, Hole(1)) == "a hole after the end of the file"
    held.check(Done())


def test_a_hole_is_in_a_file_and_there_are_no_more_of_them_than_bytes() -> None:
    for word in GIVES.keys() - {"getfile", "collect"}:
        assert refused(claims(command(word)), Hole(1)) == f"{word} gives no hole"
    assert refused(claims(command("getfile")), Hole(1)) == "a hole in a file that was not begun"
    more = Into("file", Name("/x"), size=5, holes=6)
    assert refused(claims(command("getfile")), more) == "6 bytes of holes in a file of 5"
    unsized = Into("file", Name("/x"), holes=1)
    assert refused(claims(command("getfile")), unsized) == "1 bytes of holes in a file of 0"


@pytest.mark.parametrize(
    ("folder", "asked", "said", "same"),
    [
        ("/", "/a", "/a", True),
        ("/", "/a", "/etc/shadow", False),
        ("/", "/a", "/b/a", False),
        ("/var/log", "../x/./y", "/var/x/y", True),
        ("/var/log", "syslog", "/tmp/syslog", False),
        ("/", "raw:/i%FFj", "raw:/i%FFj", True),
        ("/", "raw:/i%FFj", "raw:/%uD800", False),
        ("C:\\", "C:/Temp/A.txt", "C:\\Temp\\a.TXT", True),
        ("C:\\Temp", "a.txt", "C:\\Temp\\a.txt", True),
        ("C:\\", "C:\\a", "C:\\Windows\\SAM", False),
    ],
)
def test_the_file_that_comes_is_the_one_that_was_asked_for(
    folder: str, asked: str, said: str, same: bool
) -> None:
    held = claims(parse(f"getfile '{asked}'").command, folder)
    if same:
        held.check(Into("file", Name(said)))
    else:
        assert "was asked for" in refused(held, Into("file", Name(said)))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (WrittenItem(Name("/other"), 5, SHA), "/other written where /x was meant"),
        (WrittenItem(Name("/x"), 99, SHA), "99 bytes with sha256"),
        (WrittenItem(Name("/x"), 5, OTHER), f"5 bytes with sha256 {OTHER} written where 5"),
        (WrittenItem(Name("/x"), 5, OTHER, already=True), "written where 5"),
    ],
)
def test_what_was_written_is_what_was_sent(written: WrittenItem, told: str) -> None:
    assert told in refused(claims(command("putfile")), written)


@pytest.mark.parametrize(
    ("path", "keep", "same"),
    [
        ("/run/fireline/S1/x.sh", False, True),
        ("/run/fireline/S1/y.sh", False, False),
        ("/var/kept/x-2.sh", False, False),
        ("/var/kept/x-2.sh", True, True),
        ("/var/kept/xy.sh", True, False),
    ],
)
def test_a_file_of_the_sessions_folder_has_its_own_name(path: str, keep: bool, same: bool) -> None:
    held = claims(PutFile(name="x.sh", keep=keep, sha256=SHA, size=5))
    if same:
        held.check(WrittenItem(Name(path), 5, SHA))
    else:
        assert "x.sh was meant" in refused(held, WrittenItem(Name(path), 5, SHA))


@pytest.mark.parametrize(
    ("code", "told"), [(None, "done, with no exit code"), (3, "done, with exit code 3")]
)
def test_a_script_is_done_only_with_a_code_that_it_calls_success(
    code: int | None, told: str
) -> None:
    assert refused(claims(command("run")), Done(exit_code=code)) == told
    claims(Run(script="x", success=(0, 3))).check(Done(exit_code=3))
    claims(command("run")).check(Done("failed", "it said no", exit_code=code))


def test_a_shell_says_which_of_its_outputs_comes_and_nothing_else() -> None:
    claims(Shell(terminal=False)).check(Into("stdout"))
    claims(Shell(terminal=False)).check(Into("stderr"))
    for item in (ROW, FILE, TEXT, WRITTEN, FOLDER):
        assert refused(claims(Shell(terminal=False)), item).startswith("shell gives no ")


@pytest.mark.parametrize(
    "name",
    ["web-02-20261129T095612Z.zip", "web-01.zip", "../web-01-20261129T095612Z.zip", "/etc/shadow"],
)
def test_a_package_has_the_name_of_its_device_and_of_a_time(name: str) -> None:
    asked = Collect(device="web-01")
    claims(asked).check(PACKAGE)
    assert "no name of its package" in refused(claims(asked), Into("file", Name(name)))
