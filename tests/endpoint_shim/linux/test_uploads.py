"""What an SFTP client writes: whole or nothing, in place where asked, never what is not its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands.language import wire
from commands.language.errors import Failed, FirelineError, Refused
from endpoint_shim import own
from endpoint_shim.linux import changes, kernel
from endpoint_shim.linux.uploads import New, open_to_write
from endpoint_shim.policy import Policy
from endpoint_shim.upload import Made
from tests.endpoint_shim.linux.open_policy import OpenPolicy

ANY = OpenPolicy()


def asked(path: Path, **how: object) -> wire.OpenWrite:
    return wire.OpenWrite(id=1, path=str(path), **{"create": True, **how})  # type: ignore[arg-type]


def put(path: Path, data: bytes, made: Made, **how: object) -> None:
    upload = open_to_write(asked(path, **how), ANY, made)
    upload.write(0, data)
    upload.finish(made)


def renamed(old: Path, new: Path, made: Made, **how: bool) -> None:
    changes.rename(wire.Rename(id=1, path=str(old), to=str(new), **how), ANY, made)


@contextmanager
def swapping(folder: Path, one: str, other: str) -> Iterator[None]:
    """Another process changes two names for one another without pause."""
    swap = (
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "os.chdir(sys.argv[1])\n"
        "print(flush=True)\n"
        "while True: libc.renameat2(-100, sys.argv[2].encode(), -100, sys.argv[3].encode(), 2)\n"
    )
    argv = [sys.executable, "-c", swap, str(folder), one, other]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as swapper:
        try:
            assert swapper.stdout is not None
            swapper.stdout.readline()
            yield
        finally:
            swapper.kill()


def test_what_was_not_finished_is_not_there(tmp_path: Path) -> None:
    upload = open_to_write(asked(tmp_path / "x"), ANY, Made())
    upload.write(0, b"half")
    assert os.listdir(tmp_path) == []
    upload.close()
    assert os.listdir(tmp_path) == []


def test_a_name_that_is_taken_meanwhile_is_kept(tmp_path: Path) -> None:
    made = Made()
    upload = open_to_write(asked(tmp_path / "x"), ANY, made)
    (tmp_path / "x").write_text("other")
    with pytest.raises(Refused, match="exists and this connection did not make it"):
        upload.finish(made)
    assert (tmp_path / "x").read_text() == "other"
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_that_took_the_place_of_its_own_is_not_replaced(tmp_path: Path) -> None:
    made = Made()
    put(tmp_path / "x", b"mine", made)
    upload = open_to_write(asked(tmp_path / "x", truncate=True), ANY, made)
    (tmp_path / "other").write_text("other")
    (tmp_path / "other").rename(tmp_path / "x")
    with pytest.raises(Refused, match="another file by now"):
        upload.finish(made)
    assert (tmp_path / "x").read_text() == "other"
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_made_and_removed_gives_no_right_to_the_next_of_its_name(tmp_path: Path) -> None:
    made = Made()
    put(tmp_path / "x", b"mine", made)
    (tmp_path / "x").unlink()
    (tmp_path / "x").write_text("other")
    with pytest.raises(Refused):
        put(tmp_path / "x", b"again", made)
    with pytest.raises(Refused, match="was not made by this connection"):
        changes.set_facts(wire.SetFacts(id=1, path=f"{tmp_path}/x", mode=0o777), ANY, made)


def test_a_file_of_two_names_is_not_changed_in_place(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    os.link(tmp_path / "x", tmp_path / "y")
    with pytest.raises(Refused, match="has 2 names"):
        open_to_write(asked(tmp_path / "x", overwrite=True), ANY, Made())
    put(tmp_path / "x", b"whole", Made(), overwrite=True, truncate=True)
    assert ((tmp_path / "x").read_text(), (tmp_path / "y").read_text()) == ("whole", "x")


def test_what_is_replaced_gives_its_owner_and_mode(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    (tmp_path / "x").chmod(0o604)
    if os.geteuid() == 0:
        os.chown(tmp_path / "x", 12, 34)
    before = (tmp_path / "x").stat()
    put(tmp_path / "x", b"new", Made(), overwrite=True, truncate=True, mode=0o777)
    after = (tmp_path / "x").stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_a_plain_file_is_written(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "link":
        path.symlink_to("y")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    for truncate in (True, False):
        with pytest.raises(Refused, match="only a plain file"):
            open_to_write(asked(path, overwrite=True, truncate=truncate), ANY, Made())


@pytest.mark.parametrize("where", ["state/new", "state/key.pem", "etc/policy.toml", "linked/new"])
def test_the_shims_own_files_are_never_written_made_or_renamed(tmp_path: Path, where: str) -> None:
    for folder in ("state", "etc"):
        (tmp_path / folder).mkdir()
    (tmp_path / "state/key.pem").write_text("key")
    (tmp_path / "linked").symlink_to("state")
    policy = Policy(own=own.found(tmp_path / "state", tmp_path / "etc/policy.toml", []))
    path, made = tmp_path / where, Made()
    put(tmp_path / "mine", b"mine", made)
    for act in (
        lambda: open_to_write(asked(path, overwrite=True, truncate=True), policy, made),
        lambda: open_to_write(asked(path, overwrite=True), policy, made),
        lambda: changes.make_folder(wire.MakeFolder(id=1, path=str(path)), policy, made),
        lambda: changes.rename(
            wire.Rename(id=1, path=f"{tmp_path}/mine", to=str(path), replace=True, overwrite=True),
            policy,
            made,
        ),
        lambda: changes.set_facts(wire.SetFacts(id=1, path=str(path), mode=0), policy, made),
    ):
        with pytest.raises(Refused):
            act()
    assert sorted(os.listdir(tmp_path / "state")) == ["key.pem"]
    assert os.listdir(tmp_path / "etc") == []


def test_what_is_off_limits_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "off").mkdir()
    policy, made = OpenPolicy(f"{tmp_path}/off"), Made()
    with pytest.raises(Refused, match="by its own policy"):
        open_to_write(asked(tmp_path / "off/x"), policy, made)
    put(tmp_path / "x", b"x", made)
    with pytest.raises(Refused, match="by its own policy"):
        rename = wire.Rename(id=1, path=f"{tmp_path}/x", to=f"{tmp_path}/off/x")
        changes.rename(rename, policy, made)


def test_no_space_is_said(tmp_path: Path) -> None:
    """The kernel's own full device, as a file system that has no room."""
    made = Made()
    upload = open_to_write(asked(tmp_path / "x"), ANY, made)
    full = os.open("/dev/full", os.O_RDWR)
    assert isinstance(upload.file, New)
    os.dup2(full, upload.file._file)
    os.close(full)
    with pytest.raises(Failed, match="no space is left"):
        upload.write(0, b"x")
    upload.close()
    assert os.listdir(tmp_path) == []


# Races.
ROUNDS = 500


def test_a_folder_swapped_for_a_link_lets_nothing_out(tmp_path: Path) -> None:
    for name in ("outside", "inside"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("outside")
    made, refused = Made(), 0
    with swapping(tmp_path, "inside", "link"):
        for number in range(ROUNDS):
            try:
                put(tmp_path / "inside" / f"f{number}", b"x", made)
                folder = wire.MakeFolder(id=1, path=f"{tmp_path}/inside/d{number}")
                changes.make_folder(folder, ANY, made)
            except FirelineError:
                refused += 1
    assert 0 < refused < ROUNDS
    assert os.listdir(tmp_path / "outside") == []


def test_a_file_swapped_for_a_foreign_one_is_neither_renamed_nor_replaced(tmp_path: Path) -> None:
    made, refused = Made(), 0
    put(tmp_path / "mine", b"mine", made)
    (tmp_path / "foreign").write_text("foreign")
    number = (tmp_path / "foreign").stat().st_ino
    with swapping(tmp_path, "mine", "foreign"):
        for _ in range(ROUNDS):
            try:
                renamed(tmp_path / "mine", tmp_path / "moved", made)
            except FirelineError:
                refused += 1
                continue
            assert (tmp_path / "moved").read_text() == "mine"
            (tmp_path / "moved").rename(tmp_path / "mine")
        for _ in range(ROUNDS):
            try:
                put(tmp_path / "mine", b"mine", made, truncate=True)
            except FirelineError:
                refused += 1
    assert 0 < refused < 2 * ROUNDS
    found = {path.stat().st_ino: path.read_text() for path in tmp_path.iterdir()}
    assert found[number] == "foreign"
    assert sorted(found.values()) == ["foreign", "mine"]


def test_the_race_shows_a_build_that_does_not_know_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel.Inode, "identity", property(lambda _: (0, 0, 0)))
    made, took = Made(), False
    put(tmp_path / "mine", b"mine", made)
    (tmp_path / "foreign").write_text("foreign")
    with swapping(tmp_path, "mine", "foreign"):
        while not took:
            renamed(tmp_path / "mine", tmp_path / "moved", made)
            took = (tmp_path / "moved").read_text() == "foreign"
            (tmp_path / "moved").rename(tmp_path / "mine")
