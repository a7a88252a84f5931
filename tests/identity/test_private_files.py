"""Private files: whole or not at all, and refused when others can read them."""

import os
from pathlib import Path

import pytest

from server.identity.private_files import (
    LIMIT,
    NotPrivate,
    private_folder,
    read_private,
    replace_private,
    write_private,
)


def test_a_private_file_is_0600_whatever_the_umask_and_comes_back_whole(tmp_path: Path) -> None:
    old = os.umask(0o277)
    try:
        write_private(tmp_path / "key", b"\0secret")
    finally:
        os.umask(old)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert read_private(tmp_path / "key") == b"\0secret"
    assert os.listdir(tmp_path) == ["key"]


def test_a_file_that_exists_is_never_written_over_except_by_replace(tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "key", b"second")
    assert read_private(tmp_path / "key") == b"first"
    replace_private(tmp_path / "key", b"third")
    assert read_private(tmp_path / "key") == b"third"
    assert os.listdir(tmp_path) == ["key"]


def test_writing_never_goes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / "key").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "key", b"new")
    replace_private(tmp_path / "key", b"new")
    assert (tmp_path / "victim").read_bytes() == b"untouched"
    assert not (tmp_path / "key").is_symlink()


def test_a_failed_replace_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(OSError, match="key"):
        replace_private(tmp_path / "key", b"new")
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    write_private(tmp_path / "key", b"x")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(NotPrivate, match=rf"key is open to others \({mode:04o}\); chmod 600"):
        read_private(tmp_path / "key")


@pytest.mark.parametrize("kind", ["missing", "link", "folder", "pipe", "long"])
def test_what_is_no_plain_private_file_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "key"
    if kind == "link":
        write_private(tmp_path / "real", b"x")
        path.symlink_to(tmp_path / "real")
    elif kind == "folder":
        path.mkdir(0o700)
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "long":
        write_private(path, bytes(LIMIT + 1))
    with pytest.raises(NotPrivate, match="^key "):
        read_private(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away needs root")
def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"x")
    os.chown(tmp_path / "key", 0, 0)
    assert read_private(tmp_path / "key") == b"x"
    os.chown(tmp_path / "key", 12345, 0)
    with pytest.raises(NotPrivate, match="another account"):
        read_private(tmp_path / "key")


def test_a_private_folder_is_made_0700_and_an_open_one_refused(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "state")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder(folder) == folder
    folder.chmod(0o755)
    with pytest.raises(NotPrivate, match="state is open to others"):
        private_folder(folder)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(NotPrivate, match="link is no folder"):
        private_folder(tmp_path / "link")
