"""The tree's form: what is where, what is nowhere, and that no path leaves it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language import names
from server.doors.sftp_paths import (
    DeviceTop,
    Evidence,
    LibraryFile,
    Nowhere,
    OnDevice,
    PackageFile,
    Recording,
    Top,
    on_device,
    on_drive,
    place_of,
    raw_part,
    walked,
    whole,
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (b"", Top("/")),
        (b".", Top("/")),
        (b"/", Top("/")),
        (b"/devices/", Top("/devices")),
        (b"devices/web-01", DeviceTop("web-01")),
        (b"/devices/web-01/root", OnDevice("web-01", "root", b"")),
        (b"/devices/web-01/root/etc/hosts", OnDevice("web-01", "root", b"etc/hosts")),
        (b"/devices/web-01/root//etc/./x/../hosts", OnDevice("web-01", "root", b"etc/hosts")),
        (b"/devices/web-01/root/b\xffc\n", OnDevice("web-01", "root", b"b\xffc\n")),
        (b"/devices/web-01/root/d/2026-01-01T10:00.log",
         OnDevice("web-01", "root", b"d/2026-01-01T10:00.log")),
        (b"/devices/web-01/C/Users", OnDevice("web-01", "C", b"Users")),
        (b"/devices/web-01/root/../../../../../etc/shadow", Nowhere()),
        (b"/devices/web-01/root/../root/x", OnDevice("web-01", "root", b"x")),
        (b"/devices/w\xffb/root/x", OnDevice("", "root", b"x")),
        (b"/evidence", Top("/evidence")),
        (b"/evidence/S12", Evidence("S12", None)),
        (b"/evidence/S12/hosts", Evidence("S12", "hosts")),
        (b"/evidence/S12/../S13/x", Evidence("S13", "x")),
        (b"/evidence/S12/a/b", Nowhere()),
        (b"/etc/passwd", Nowhere()),
        (b"/library", Top("/library")),
        (b"/library/a b+c@2", LibraryFile("a b+c@2")),
        (b"/library/a/b", Nowhere()),
        (b"/packages", Top("/packages")),
        (b"/packages/x.S1.zip", PackageFile("x.S1.zip")),
        (b"/packages/x/y", Nowhere()),
        (b"/sessions", Top("/sessions")),
        (b"/sessions/S12.cast", Recording("S12")),
        (b"/sessions/S12", Nowhere()),
        (b"/nothing", Nowhere()),
    ],
)  # fmt: skip
def test_a_path_has_its_place(path: bytes, place: object) -> None:
    assert place_of(path) == place


@pytest.mark.parametrize("path", [b"/a\0b", b"/devices/x/root/" + b"a" * 4096])
def test_what_is_no_path_is_refused(path: bytes) -> None:
    with pytest.raises(ValueError, match="a path has"):
        place_of(path)


@given(st.binary(max_size=300).filter(lambda data: b"\0" not in data))
def test_no_path_leaves_the_tree(path: bytes) -> None:
    parts = walked(path)
    assert not {b"", b".", b".."} & set(parts)
    assert whole(whole(path)) == whole(path)
    assert walked(b"/../../" + path) == parts


@given(st.binary(min_size=1, max_size=200))
def test_the_bytes_of_a_devices_path_pass_unchanged(name: bytes) -> None:
    if b"\0" in name or b"/" in name or name in (b".", b".."):
        return
    place = place_of(b"/devices/web-01/root/tmp/" + name)
    assert isinstance(place, OnDevice)
    assert on_device(place, "linux") == b"/tmp/" + name


@given(st.binary(min_size=1, max_size=200))
def test_the_raw_form_of_a_part_stands_for_its_bytes(name: bytes) -> None:
    if b"\0" in name or b"/" in name or name in (b".", b".."):
        return
    form = names.raw_form(names.from_bytes(name)) or names.RAW + name.decode().replace("%", "%25")
    assert raw_part(form.encode()) == name


@pytest.mark.parametrize(
    "part",
    [
        *(b"x", b"Raw:x", b"raw:", b"raw:.", b"raw:%2E%2E", b"raw:a%2Fb", b"raw:a%00"),
        *(b"raw:%", b"raw:%4", b"raw:%uD800", b"raw:\xff"),
    ],
)
def test_what_is_no_raw_form_of_a_name_means_itself(part: bytes) -> None:
    assert raw_part(part) is None


def test_a_root_of_another_platform_is_not_there() -> None:
    drive = OnDevice("web-01", "C", b"Users")
    assert on_device(drive, "linux") is None
    assert on_device(OnDevice("win-1", "root", b""), "windows") is None
    assert on_drive(OnDevice("win-1", "root", b"etc")) is None


@pytest.mark.parametrize(
    ("root", "rest", "path"),
    [
        ("C", b"", "C:\\"),
        ("c", b"Users/x", "C:\\Users\\x"),
        ("D", "\u00fc. ".encode(), "D:\\\u00fc. "),
        ("C", b"x.txt:stream", "C:\\x.txt:stream"),
        ("C", b"d/raw:a%uD800b", "raw:C:\\d\\a%uD800b"),
        ("C", b"raw:%uD83D%uDE00", "C:\\\U0001f600"),
    ],
)
def test_a_drives_path_is_text_and_half_surrogates_have_their_raw_form(
    root: str, rest: bytes, path: str
) -> None:
    assert on_drive(OnDevice("win-1", root, rest)) == path


@pytest.mark.parametrize(
    ("root", "rest"),
    [
        *(("C:", b"x"), ("CC", b"x"), ("1", b"x"), ("", b"x")),
        *(("C", b"a\\b"), ("C", b"\xff"), ("C", b"raw:%"), ("C", b"raw:a%5Cb")),
        *(("C", b"raw:.."), ("C", b"raw:%2E%2E"), ("C", b"raw:a%00"), ("C", b"raw:a%2Fb")),
        ("C", b"raw:"),
    ],
)
def test_what_can_be_no_path_on_a_drive_is_nowhere(root: str, rest: bytes) -> None:
    assert on_drive(OnDevice("win-1", root, rest)) is None
