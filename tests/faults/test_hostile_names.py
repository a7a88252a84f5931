"""500 hostile names through every file command and every SFTP verb: each means that file, as data.

What a file holds is its name's own mark, so that a mix-up shows; nothing that is printed holds a
character that a terminal obeys. The rig is trusted because the shim in `broken/`, broken on
purpose, fails it.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from tests.faults.names import hostile
from tests.journeys.rig import House
from tests.journeys.test_hostile_text import clean

pytestmark = [
    pytest.mark.needs("ssh", "sftp"),
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.xdist_group("hostile_names"),
]

DEVICE = "names-01"
LIMITS = {"reserve_bytes": 1 << 20, "left_open_s": 0.2}
COUNT = 500
NAMES = list(hostile(COUNT, 8))
BROKEN = Path(__file__).parent / "broken" / "names_as_text.py"
EACH = 2
"""What costs a command of its own gets every other name, the next what it leaves."""


def mark(name: bytes) -> bytes:
    return b"content of " + name.hex().encode() + b"\n"


def raw(name: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in name)


class Named:
    """A house, and a folder of the device with a file for every name."""

    def __init__(self, house: House, work: Path) -> None:
        self.house, self.work = house, work
        self.there = work / "there"
        self.there.mkdir(parents=True)
        for name in NAMES:
            (self.there / os.fsdecode(name)).write_bytes(mark(name))
        house.start_shim(DEVICE)
        assert house.run("library add given", stdin=b"given\n").status == 0

    def folder(self, name: str) -> Path:
        folder = self.work / name
        folder.mkdir()
        return folder

    def typed(self, lines: list[str]) -> bytes:
        """One connection, one line after another; standard output."""
        ran = subprocess.run(
            self.house.ssh(f"connect {DEVICE}"), input="\n".join([*lines, "exit", ""]).encode(),
            capture_output=True, timeout=250, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr[-2000:]
        clean((ran.stdout + ran.stderr).decode())
        return ran.stdout

    def sftp(self, lines: list[str]) -> str:
        argv = ["sftp", "-q", "-F", str(self.house.state / "ssh_config"), "-b", "-", "fireline"]
        ran = subprocess.run(
            argv, input="\n".join([*lines, ""]).encode(),
            capture_output=True, timeout=250, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr[-2000:]
        return ran.stdout.decode("utf-8", "surrogateescape")

    def at(self, folder: Path, name: bytes) -> str:
        """A name as SFTP is told it."""
        return f"/devices/{DEVICE}/root{folder}/raw:{raw(name)}"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    place = tmp_path_factory.mktemp("names")
    with House(place / "house", LIMITS) as house:
        yield Named(house, place / "work")


def listed(folder: Path) -> set[bytes]:
    return set(os.listdir(os.fsencode(folder)))


def named_by(rows: list[dict[str, str]]) -> list[bytes]:
    """The last part of each row's path, by its raw form where the text is not the name."""
    found = []
    for row in rows:
        path = row.get("path_raw", row["path"])
        text = path.removeprefix("raw:")
        whole = unquote_to_bytes(text) if path.startswith("raw:") else text.encode()
        found.append(whole.rpartition(b"/")[2])
    return found


@pytest.mark.parametrize("line", ["dir {}", "findfile * -path {}"])
def test_every_name_is_listed_exactly(named: Named, line: str) -> None:
    listed_exactly(named, line)


def listed_exactly(named: Named, line: str) -> None:
    ran = named.house.run(f"on {DEVICE} {line.format(named.there)} -output json")
    assert ran.status == 0 and ran.out.isascii(), ran.err
    assert sorted(named_by(json.loads(ran.out))) == sorted(NAMES), "listed is another name"
    clean(named.house.run(f"on {DEVICE} {line.format(named.there)}").out)


def test_cat_shows_the_file_of_every_name(named: Named) -> None:
    chosen = NAMES[0::EACH]
    out = named.typed([f"cat raw:{named.there}/{raw(name)}" for name in chosen])
    assert out == b"".join(mark(name) for name in chosen)


def test_fileinfo_tells_of_every_name(named: Named) -> None:
    chosen = NAMES[1 % EACH :: EACH]
    out = named.typed([f"fileinfo raw:{named.there}/{raw(name)} -output json" for name in chosen])
    rows = [row for text in out.decode().split("\n]\n")[:-1] for row in json.loads(text + "\n]")]
    assert named_by(rows) == chosen
    assert [row["sha256"] for row in rows] == [digest(mark(name)) for name in chosen]


def test_getfile_takes_the_file_of_every_name_under_a_name_of_ours(named: Named) -> None:
    chosen = NAMES[2 % EACH :: EACH]
    named.typed([f"getfile raw:{named.there}/{raw(name)}" for name in chosen])
    session = named.house.sessions()[-1]
    taken = named.house.of_kind("evidence_taken", session)
    assert named_by([{"path": record["path"]} for record in taken]) == chosen
    folder = named.house.home / "evidence" / session
    for record, name in zip(taken, chosen, strict=True):
        assert (folder / record["name"]).read_bytes() == mark(name)
    assert all(record["name"].isprintable() and record["name"].isascii() for record in taken)
    status, said = named.house.admin(f"verify {session}")
    assert status == 0, said


def test_putfile_writes_every_name(named: Named) -> None:
    chosen, put = NAMES[3 % EACH :: EACH], named.folder("put")
    named.typed([f"putfile given -path raw:{put}/{raw(name)}" for name in chosen])
    assert listed(put) == set(chosen)
    assert {(put / os.fsdecode(name)).read_bytes() for name in chosen} == {b"given\n"}


def test_sftp_lists_and_gets_every_name(named: Named) -> None:
    got = named.folder("got")
    named.sftp([f"get {named.at(named.there, name)} {got}/{at}" for at, name in enumerate(NAMES)])
    assert [(got / str(at)).read_bytes() for at in range(COUNT)] == [mark(name) for name in NAMES]


def test_a_shim_that_takes_names_for_text_is_caught(tmp_path: Path) -> None:
    with House(tmp_path / "house", LIMITS, shim_program=[str(BROKEN)]) as house:
        named = Named(house, tmp_path / "work")
        with pytest.raises(AssertionError, match="listed is another name"):
            listed_exactly(named, "dir {}")


def before(at: str) -> str:
    return at.rpartition("/")[0] + "/before"


VERBS: dict[str, Callable[[str, str], list[str]]] = {
    "put": lambda at, given: [f"put {given} {at}"],
    "mkdir": lambda at, given: [f"mkdir {at}"],
    "rename": lambda at, given: [f"put {given} {before(at)}", f"rename {before(at)} {at}"],
}


def test_sftp_puts_makes_and_renames_every_name(named: Named) -> None:
    given, into = named.work / "given", named.folder("into")
    given.write_bytes(b"given\n")
    lines = []
    for number, name in enumerate(NAMES):
        verb = list(VERBS)[number % len(VERBS)]
        lines += VERBS[verb](named.at(into, name), str(given))
    named.sftp(lines)
    assert listed(into) == set(NAMES)
    assert {name for name in NAMES if (into / os.fsdecode(name)).is_dir()} == set(NAMES[1::3])


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
