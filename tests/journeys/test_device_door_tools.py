"""What people run over ssh, at `you~NAME@broker`: rsync, the old scp, git, tar."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(180)]

DEVICE = "web-01"
THERE = ("-o", f"User=alice~{DEVICE}")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("tools") / "house", limits) as house:
        house.start_shim(DEVICE)
        yield house


def remote_shell(house: House) -> str:
    """For rsync and git: the client with its configuration."""
    return f"ssh -F {house.state / 'ssh_config'} -o User=alice~{DEVICE}"


def tree(folder: Path) -> dict[str, str]:
    """What is in it, by digest."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "sub dir").mkdir(parents=True)
    for number in range(30):
        (folder / f"f{number}").write_bytes(os.urandom(1000 * number))
    (folder / "sub dir" / "it's é").write_bytes(os.urandom(3 << 20))
    return folder


@pytest.mark.needs("rsync")
def test_rsync_works_both_ways(house: House, files: Path, tmp_path: Path) -> None:
    for source, target in (
        (f"{files}/", f"fireline:{tmp_path}/up/"),
        (f"fireline:{files}/", f"{tmp_path}/down/"),
    ):
        rsync = ["rsync", "-a", "-e", remote_shell(house), source, target]
        subprocess.run(rsync, check=True, timeout=120)
    assert tree(tmp_path / "up") == tree(tmp_path / "down") == tree(files)


def test_the_old_scp_protocol_runs_the_devices_own_scp(
    house: House, files: Path, tmp_path: Path
) -> None:
    scp = ["scp", "-q", "-O", "-r", "-p", "-F", str(house.state / "ssh_config"), *THERE]
    subprocess.run([*scp, str(files), f"fireline:{tmp_path}/up"], check=True, timeout=120)
    subprocess.run([*scp, f"fireline:{files}", f"{tmp_path}/down"], check=True, timeout=120)
    assert tree(tmp_path / "up") == tree(tmp_path / "down") == tree(files)


@pytest.mark.needs("git")
def test_git_pushes_and_clones(house: House, tmp_path: Path) -> None:
    env = {**os.environ, "GIT_SSH_COMMAND": remote_shell(house), "GIT_CONFIG_GLOBAL": "/dev/null"}

    def git(*words: str, at: Path = tmp_path) -> None:
        subprocess.run(["git", *words], cwd=at, env=env, check=True, timeout=60,
                       capture_output=True)  # fmt: skip

    git("init", "-q", "--bare", "there.git")
    git("init", "-q", "here")
    (tmp_path / "here" / "a").write_text("a\n")
    git("add", "a", at=tmp_path / "here")
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "a", at=tmp_path / "here")
    git("push", "-q", f"fireline:{tmp_path}/there.git", "HEAD:main", at=tmp_path / "here")
    git("clone", "-q", "-b", "main", f"fireline:{tmp_path}/there.git", "again")
    assert (tmp_path / "again" / "a").read_text() == "a\n"


def test_tar_pipes_arrive_whole(house: House, files: Path, tmp_path: Path) -> None:
    packed = subprocess.run(
        ["tar", "-C", str(files), "-cf", "-", "."], capture_output=True, check=True
    ).stdout
    line = f"mkdir {tmp_path}/up && tar -C {tmp_path}/up -xf -"
    ran = subprocess.run(
        house.ssh(line, *THERE), input=packed, capture_output=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"") and tree(tmp_path / "up") == tree(files)
