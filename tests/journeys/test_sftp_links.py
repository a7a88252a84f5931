"""Links by SFTP: shown as links, read as their bytes, never a way into what is off limits."""

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.files_demo import Demo, demo
from tests.journeys.rig import until
from tests.journeys.sftp_client import Raw, code, string

__all__ = ["demo"]  # the fixture

pytestmark = pytest.mark.needs("ssh", "sftp", "scp")
TARGETS = {"plain": b"run.sh", "bytes": b"i\xff\x1b[2J\nj", "away": b"/etc/hosts", "no": b"nothing"}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    there = tmp_path / "there"
    there.mkdir()
    (there / "run.sh").write_text("#!/bin/sh\n")
    for name, target in TARGETS.items():
        os.symlink(target, os.fsencode(there / name))
    return there


@pytest.fixture
def off_limits(demo: Demo, tmp_path: Path) -> Iterator[Path]:
    """A folder that the device's policy closes until the test ends."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "secret").write_text("secret")
    os.symlink("secret", closed / "link")
    policy = demo.state / "device" / "policy.toml"
    policy.write_text(f'off_limits = ["{closed}"]\n')
    policy.chmod(0o600)
    until("the policy is in force", lambda: demo.sftp(f"ls {demo.at(closed)}").status == 1)
    yield closed
    policy.unlink()
    until("it is not", lambda: demo.sftp(f"ls {demo.at(closed)}").status == 0)


def read_link(raw: Raw, path: str) -> bytes:
    return raw.ask(19, string(path.encode()))


def target(packet: bytes) -> bytes:
    """The one name of an answer to READLINK."""
    kind, count, length = packet[0], *struct.unpack(">II", packet[5:13])
    assert (kind, count) == (104, 1)
    return packet[13 : 13 + length]


def test_what_a_link_says_is_answered_as_its_bytes(demo: Demo, there: Path) -> None:
    with Raw(demo) as raw:
        for name, said in TARGETS.items():
            assert target(read_link(raw, demo.at(there / name))) == said
        for path, status in (
            (demo.at(there / "run.sh"), 4), (demo.at(there / "gone"), 2), ("/devices", 4),
            ("/evidence", 4), ("/nowhere", 2), (f"/devices/{demo.device}", 4),
        ):  # fmt: skip
            assert code(read_link(raw, path)) == status


def test_the_longest_link_is_answered_whole(demo: Demo, there: Path) -> None:
    said = b"\xff" * 4095
    os.symlink(said, os.fsencode(there / "long"))
    with Raw(demo) as raw:
        assert target(read_link(raw, demo.at(there / "long"))) == said


def test_a_list_shows_links_as_links(demo: Demo, there: Path) -> None:
    ran = demo.sftp(f"ls -l {demo.at(there)}", f"ls -l {demo.at(there)}/no")
    assert ran.status == 0, ran.err
    kinds = [line[0] for line in ran.out.splitlines() if not line.startswith("sftp>")]
    assert sorted(kinds) == ["-", "l", "l", "l", "l", "l"]


@pytest.mark.needs("sshfs")
def test_sshfs_shows_links_and_reads_through_them(demo: Demo, there: Path, tmp_path: Path) -> None:
    place = tmp_path / "mnt"
    place.mkdir()
    config = ("-F", str(demo.state / "ssh_config"))
    subprocess.run(["sshfs", *config, f"fireline:{demo.at(there)}", place], check=True, timeout=30)
    try:
        # Absolute ones sshfs keeps to itself by default (contain_symlinks).
        for name in ("plain", "bytes", "no"):
            assert os.readlink(os.fsencode(place / name)) == TARGETS[name]
        assert (place / "plain").read_text() == "#!/bin/sh\n"
    finally:
        subprocess.run(["umount", "-l", place], check=False, timeout=30)


def test_what_is_off_limits_is_refused_by_device_and_reason(
    demo: Demo, off_limits: Path, tmp_path: Path
) -> None:
    os.symlink(off_limits, tmp_path / "way")
    for path, told in (
        (off_limits / "secret", off_limits / "secret"),
        (tmp_path / "way" / "secret", off_limits / "secret"),
    ):
        why = f"refused: {told} on {demo.device} by its own policy (policy.toml line 1)"
        for ran in (
            demo.sftp(f"get {demo.at(path)} {tmp_path}/got"),
            demo.client("scp", f"fireline:{demo.at(path)}", str(tmp_path / "got")),
        ):
            assert ran.status == 1
            assert any(line.startswith(why) for line in ran.err.splitlines())
        assert not (tmp_path / "got").exists()


def test_a_link_is_not_followed_into_what_is_off_limits(
    demo: Demo, off_limits: Path, tmp_path: Path
) -> None:
    os.symlink(off_limits / "secret", tmp_path / "into")
    os.symlink(off_limits, tmp_path / "way")
    with Raw(demo) as raw:
        assert target(read_link(raw, demo.at(tmp_path / "into"))) == bytes(off_limits / "secret")
        for path in (off_limits / "link", tmp_path / "way" / "link"):
            assert code(read_link(raw, demo.at(path))) == 3
        assert code(raw.ask(17, string(demo.at(tmp_path / "into").encode()))) == 3
