"""Attributes, long names and statuses, of honest devices and of others."""

import errno
import stat

import asyncssh
import pytest

from commands.language import names, wire
from commands.language.errors import Failed, FirelineError, Refused, Unreachable
from commands.language.names import Name
from server.doors import sftp_answers as answers


def test_a_hostile_devices_numbers_fit_the_protocol() -> None:
    facts = wire.FileFacts(
        name="x", mode=2**53, size=2**53, uid=2**40, gid=2**40, atime=-(2**60), mtime=2**60
    )
    attrs = answers.of_device(facts)
    assert attrs.encode(3)
    assert answers.named(b"x", attrs).encode(3)
    assert (attrs.uid, attrs.atime, attrs.mtime) == (0xFFFFFFFF, 0, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (stat.S_IFREG | 0o644, asyncssh.FILEXFER_TYPE_REGULAR),
        (stat.S_IFDIR | 0o755, asyncssh.FILEXFER_TYPE_DIRECTORY),
        (stat.S_IFLNK | 0o777, asyncssh.FILEXFER_TYPE_SYMLINK),
        (0, asyncssh.FILEXFER_TYPE_UNKNOWN),
    ],
)
def test_attributes_say_what_it_is(mode: int, kind: int) -> None:
    assert answers.of_device(wire.FileFacts(name="x", mode=mode)).type == kind


def test_the_long_name_is_escaped_and_the_name_is_not() -> None:
    entry = answers.named(b"x\x1b]0;owned\x07\xff", answers.of_folder())
    assert entry.filename == b"x\x1b]0;owned\x07\xff"
    assert isinstance(entry.longname, bytes)
    assert entry.longname.endswith(b" raw:x%1B]0;owned%07%FF")
    for name, shown in (("é 1", " é 1"), ("raw:x", " raw:raw:x")):
        longname = answers.named(name.encode(), answers.of_folder()).longname
        assert isinstance(longname, bytes) and longname.endswith(shown.encode())


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/etc", "raw:a%2Fb", "raw:a%00", "raw:%u1234"]
)
def test_what_is_no_entrys_name_is_none(name: str) -> None:
    assert answers.bytes_of(Name(name)) is None


def behind(error: FirelineError, number: int) -> FirelineError:
    """The error as a device's answer gives it: with the number as its cause."""
    error.__cause__ = OSError(number, str(error))
    return error


def test_any_other_name_is_its_bytes() -> None:
    assert answers.bytes_of(names.from_bytes(b"b\xffc")) == b"b\xffc"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "raw:a\\%uD800", "a\0"])
def test_what_can_be_no_entry_of_a_windows_folder_is_no_name(name: str) -> None:
    assert answers.units_of(Name(name)) is None


def test_a_windows_name_that_is_no_text_is_listed_as_it_is_typed() -> None:
    assert answers.units_of(names.from_text("a\ud800b")) == b"raw:a%uD800b"
    assert answers.units_of(Name("\u00fc.")) == "\u00fc.".encode()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (behind(Failed("gone"), errno.ENOENT), asyncssh.SFTPNoSuchFile),
        (behind(Failed("no"), errno.EACCES), asyncssh.SFTPPermissionDenied),
        (behind(Failed("round"), errno.ELOOP), asyncssh.SFTPFailure),
        (behind(Refused("off limits"), errno.EACCES), asyncssh.SFTPPermissionDenied),
        (behind(Unreachable("hangs"), errno.EIO), asyncssh.SFTPFailure),
        (Refused("no"), asyncssh.SFTPPermissionDenied),
        (Failed("no"), asyncssh.SFTPFailure),
        (Unreachable("away"), asyncssh.SFTPFailure),
        (FileNotFoundError(errno.ENOENT, "x"), asyncssh.SFTPNoSuchFile),
    ],
)
def test_an_error_has_its_status(
    error: FirelineError | OSError, status: type[asyncssh.SFTPError]
) -> None:
    assert isinstance(answers.status(error), status)


def test_a_sentence_of_a_device_is_made_visible() -> None:
    assert "\x1b" not in answers.status(Failed("a\x1b[2Jb")).reason
