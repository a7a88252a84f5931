"""SFTP and scp at `you~NAME@broker`: the device's own tree, its root and its account's home."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.rig import Ran
from tests.journeys.rig import House, until

pytestmark = [pytest.mark.needs("ssh", "sftp", "scp"), pytest.mark.timeout(180)]

DEVICE = "web-01"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("files") / "house", limits) as house:
        house.start_shim(DEVICE)
        yield house


@pytest.fixture
def at_home() -> Iterator[Path]:
    """A folder in the home of the account that the shim is."""
    folder = Path(tempfile.mkdtemp(prefix="fireline-", dir=os.path.expanduser("~")))
    (folder / "f").write_text("from home\n")
    yield folder
    shutil.rmtree(folder)


def client(house: House, program: str, *words: str, stdin: str = "", who: str = "alice") -> Ran:
    options = ("-F", str(house.state / "ssh_config"), "-o", f"User={who}~{DEVICE}")
    ran = subprocess.run(
        [program, "-q", *options, *words], input=stdin, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def sftp(house: House, *lines: str, host: str = "fireline", who: str = "alice") -> Ran:
    return client(house, "sftp", "-b", "-", host, stdin="\n".join(lines) + "\n", who=who)


def test_the_root_is_the_devices_and_one_begins_at_home(house: House, tmp_path: Path) -> None:
    ran = sftp(house, "pwd", f"cd {tmp_path}", "pwd", "cd /", "ls -1", "ls /devices")
    assert f"Remote working directory: {os.path.expanduser('~')}\n" in ran.out
    assert f"Remote working directory: {tmp_path}\n" in ran.out
    listed = ran.out[ran.out.index("ls -1\n") :].split("\n")[1:-1]
    assert {"etc", "proc", "tmp"} <= set(listed) and "devices" not in listed
    assert ran.status == 1 and 'Can\'t ls: "/devices" not found' in ran.err


def test_scp_copies_by_whole_and_by_home_relative_paths(
    house: House, at_home: Path, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.write_text("given\n")
    for named in (f"{at_home.name}/f", f"~/{at_home.name}/f", f"{at_home}/f"):
        got = tmp_path / "got"
        assert client(house, "scp", f"fireline:{named}", str(got)).status == 0
        assert got.read_text() == "from home\n"
        got.unlink()
    for number, named in enumerate((f"{at_home.name}/", f"~/{at_home.name}/", f"{at_home}/")):
        there = f"fireline:{named}put{number}"
        assert client(house, "scp", str(given), there).status == 0
    assert {p.read_text() for p in at_home.glob("put*")} == {"given\n"}
    assert len(list(at_home.glob("put*"))) == 3


def test_its_rules_are_those_of_the_tree_for_all_devices(
    house: House, at_home: Path, tmp_path: Path
) -> None:
    """Looking and reading are basic's, writing is advanced's, nothing is removed by anybody."""
    got = tmp_path / "got"
    looking = sftp(house, f"get {at_home.name}/f {got}", host="fireline-basic", who="bob")
    assert (looking.status, got.read_text()) == (0, "from home\n")
    writing = sftp(house, f"put {got} {at_home.name}/new", host="fireline-basic", who="bob")
    assert writing.status == 1 and "putfile on web-01 needs advanced" in writing.err
    removing = sftp(house, f"rm {at_home.name}/f")
    assert removing.status == 1 and "nothing is removed by sftp or scp" in removing.err
    assert [p.name for p in at_home.iterdir()] == ["f"]


def test_it_is_recorded_in_a_session_of_the_device(house: House, at_home: Path) -> None:
    assert sftp(house, f"ls {at_home.name}").status == 0
    session = house.sessions()[-1]
    until("it is sealed", lambda: house.of_kind("session_ended", session))
    opened = house.of_kind("session_opened", session)[0]
    assert (opened["device"], opened["door"], opened["person"]) == (DEVICE, "sftp", "alice")
    assert house.admin(f"verify {session}")[0] == 0


def test_a_device_that_is_not_there_is_told_in_one_sentence(house: House) -> None:
    argv = ["sftp", "-q", "-F", str(house.state / "ssh_config"), "-o", "User=alice~nowhere",
            "-b", "-", "fireline"]  # fmt: skip
    ran = subprocess.run(argv, input="pwd\n", text=True, capture_output=True, timeout=60,
                         check=False)  # fmt: skip
    assert ran.returncode == 255
    assert ran.stderr.startswith("unreachable: nowhere: no device of that name that you may see")


@pytest.mark.needs("sshfs", "umount")
def test_sshfs_mounts_the_device(house: House, at_home: Path, tmp_path: Path) -> None:
    place = tmp_path / "mnt"
    place.mkdir()
    config, there = house.state / "ssh_config", f"alice~{DEVICE}@fireline:{at_home}"
    mount = subprocess.Popen(["sshfs", "-f", "-F", str(config), there, str(place)])
    try:
        until("it is mounted", lambda: os.path.ismount(place))
        assert (place / "f").read_text() == "from home\n"
        (place / "new").write_text("through the mount\n")
        new = at_home / "new"  # whole, or not there: sshfs tells of its end after the close
        until("it is there", new.exists)
        assert new.read_text() == "through the mount\n"
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)
        mount.terminate()
        mount.wait()
