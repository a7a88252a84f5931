"""Clients of others on the tree, both ways: sshfs under an editor, lftp, curl, PuTTY's."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.files_demo import Demo, demo
from tests.journeys.sftp_folders import BIG, filled, same, there

__all__ = ["demo", "there"]  # the fixtures

pytestmark = pytest.mark.needs("ssh")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return filled(tmp_path / "here")


def run(*argv: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, input=given, capture_output=True, text=True, timeout=90, check=False
    )


def port(demo: Demo) -> str:
    lines = (demo.state / "ssh_config").read_text().split("\n")
    return next(line.split()[1] for line in lines if line.strip().startswith("Port "))


@contextlib.contextmanager
def mounted(demo: Demo, there: Path, place: Path) -> Iterator[Path]:
    place.mkdir()
    config = str(demo.state / "ssh_config")
    run("sshfs", "-F", config, f"fireline:{demo.at(there)}", str(place)).check_returncode()
    try:
        yield place
    finally:
        run("umount", "-l", str(place))


# sshfs.
@pytest.mark.needs("sshfs")
def test_programs_write_append_cut_and_rename_through_sshfs(
    demo: Demo, here: Path, there: Path, tmp_path: Path
) -> None:
    with mounted(demo, there, tmp_path / "mnt") as mnt:
        run("cp", "-r", str(here), str(mnt / "copy")).check_returncode()
        with (mnt / "log").open("w+b") as file:
            file.write(b"one\n")
            file.flush()
            file.seek(0)
            assert file.read() == b"one\n"
        with (mnt / "log").open("ab") as file:
            file.write(b"two\n")
        with (mnt / "log").open("r+b") as file:
            file.seek(6)
            file.write(b"O")
        os.truncate(mnt / "log", 7)
        (mnt / "log").rename(mnt / "moved")
    assert same(here, there / "copy")
    assert (there / "moved").read_bytes() == b"one\ntwO"


@pytest.mark.needs("sshfs")
def test_an_editor_saves_by_renaming_the_old_file_away(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    """Twice: the second time the name of the old one is taken, by a file that is its own too."""
    with mounted(demo, there, tmp_path / "mnt") as mnt:
        (mnt / "note").write_text("first")
        for text in ("second", "third"):
            (mnt / "note").rename(mnt / "note~")
            with (mnt / "note").open("x") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.utime(mnt / "note", (7, 7))
        with pytest.raises(PermissionError):
            (mnt / "note~").unlink()
    assert ((there / "note").read_text(), (there / "note~").read_text()) == ("third", "second")
    assert (there / "note").stat().st_mtime == 7


@pytest.mark.needs("sshfs")
def test_what_others_made_is_not_written_through_sshfs(
    demo: Demo, there: Path, tmp_path: Path
) -> None:
    (there / "old").write_text("old")
    with mounted(demo, there, tmp_path / "mnt") as mnt:
        for act in (
            lambda: (mnt / "old").write_text("new"),
            lambda: (mnt / "old").rename(mnt / "new"),
            lambda: os.truncate(mnt / "old", 0),
            lambda: (mnt / "old").chmod(0o777),
        ):
            with pytest.raises(PermissionError):
                act()
    assert [(path.name, path.read_text()) for path in there.iterdir()] == [("old", "old")]


# Others.
@pytest.mark.needs("lftp")
def test_lftp_mirrors_there_and_back_and_goes_on(
    demo: Demo, here: Path, there: Path, tmp_path: Path
) -> None:
    at, half = demo.at(there), tmp_path / "half"
    half.write_bytes(BIG[:1_000_000])
    script = [
        f'set sftp:connect-program "ssh -a -x -F {demo.state}/ssh_config"',
        "set net:max-retries 1", "set cmd:fail-exit yes", "open sftp://fireline",
        f"mirror -R {here} {at}/new", f"mirror {at}/new {tmp_path}/back",
        f"put {half} -o {at}/big", f"put -c {here}/sub/big -o {at}/big", f"mv {at}/big {at}/whole",
    ]  # fmt: skip
    ran = run("lftp", "--norc", "-c", "; ".join(script))
    assert ran.returncode == 0, ran.stderr
    assert same(here, there / "new") and same(here, tmp_path / "back")
    assert (there / "new" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert int((there / "new" / "run.sh").stat().st_mtime) == 1_000_000_000
    assert (there / "whole").read_bytes() == BIG


@pytest.mark.needs("curl")
def test_curl_puts_and_gets(demo: Demo, here: Path, there: Path, tmp_path: Path) -> None:
    key = demo.state / "alice_ed25519"
    words = ("curl", "-sSk", "--key", str(key), "--pubkey", f"{key}.pub", "-u", "alice:")
    if "sftp" not in run("curl", "--version").stdout:
        pytest.skip("this curl has no sftp")
    url = f"sftp://127.0.0.1:{port(demo)}{demo.at(there)}"
    put = run(*words, "--ftp-create-dirs", "-T", str(here / "sub/big"), f"{url}/a/b/big")
    assert put.returncode == 0, put.stderr
    assert (there / "a/b/big").read_bytes() == BIG
    got = run(*words, "-o", str(tmp_path / "got"), f"{url}/a/b/big")
    assert (got.returncode, (tmp_path / "got").read_bytes()) == (0, BIG)
    again = run(*words, "-T", str(here / "run.sh"), f"{url}/a/b/big")
    assert again.returncode != 0
    assert (there / "a/b/big").read_bytes() == BIG


@pytest.mark.needs("pscp", "psftp", "puttygen", "ssh-keygen")
@pytest.mark.parametrize("protocol", ["-sftp", "-scp"])
def test_puttys_clients_copy_trees_by_both_protocols(
    demo: Demo, here: Path, there: Path, tmp_path: Path, protocol: str
) -> None:
    key = str(tmp_path / "key.ppk")
    run(
        "puttygen", str(demo.state / "alice_ed25519"), "-O", "private", "-o", key
    ).check_returncode()
    host = run("ssh-keygen", "-lf", str(demo.state / "known_hosts")).stdout.split()[1]
    words = ("-batch", "-hostkey", host, "-i", key, "-P", port(demo))
    at = f"alice@127.0.0.1:{demo.at(there)}"
    put = run("pscp", "-q", protocol, "-r", "-p", *words, str(here), at)
    assert put.returncode == 0, put.stderr
    assert same(here, there / "here")
    assert int((there / "here" / "run.sh").stat().st_mtime) == 1_000_000_000
    got = run("pscp", "-q", protocol, "-r", *words, f"{at}/here", str(tmp_path / "back"))
    assert got.returncode == 0, got.stderr
    assert same(here, tmp_path / "back")
    lost = run("pscp", "-q", protocol, *words, str(here / "run.sh"), f"{at}/here/zero")
    assert lost.returncode == 1
    assert (there / "here" / "zero").read_bytes() == b""


@pytest.mark.needs("psftp", "puttygen", "ssh-keygen")
def test_psftp_goes_on_and_renames(demo: Demo, here: Path, there: Path, tmp_path: Path) -> None:
    key, script = str(tmp_path / "key.ppk"), tmp_path / "script"
    run(
        "puttygen", str(demo.state / "alice_ed25519"), "-O", "private", "-o", key
    ).check_returncode()
    host = run("ssh-keygen", "-lf", str(demo.state / "known_hosts")).stdout.split()[1]
    (tmp_path / "half").write_bytes(BIG[:1_000_000])
    at = demo.at(there)
    script.write_text(
        f"put {tmp_path}/half {at}/big\nreput {here}/sub/big {at}/big\nmv {at}/big {at}/whole\n"
    )
    words = ("-batch", "-hostkey", host, "-i", key, "-P", port(demo))
    ran = run("psftp", "-b", str(script), *words, "alice@127.0.0.1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (there / "whole").read_bytes() == BIG
