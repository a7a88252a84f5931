"""The line is cut at random moments under a shell, rows and a putfile: nothing is lost or doubled.

The device reaches its broker through a line of the test's own, which ends every connection, the
control line too. What was typed, shown, given and put is compared by digest. The rig is trusted
because a broker that is broken on purpose fails it.
"""

import contextlib
import hashlib
import json
import os
import random
import re
import select
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from server.audit.chunks import Kind
from tests.journeys.proxy import Proxy
from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(900)]

DEVICE, OTHER = "resumed-01", "resumed-02"
FEW, MANY = 8, 50
"""Cuts in every run, and in the long one: each costs the second after which a worker dials."""
AHEAD = 64 * 1024
"""So much is typed beyond what came back."""
READY = b"now-\r\n"
SILENT_S = 20.0
BROKEN = Path(__file__).parent / "broken" / "loses_on_resume.py"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("resume") / "house", {"reserve_bytes": 1 << 20}) as house:
        yield house


@pytest.fixture(scope="module")
def line(house: House) -> Iterator[Proxy]:
    with one_line(house) as proxy:
        yield proxy


@pytest.fixture(scope="module", autouse=True)
def beside(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Future[None]"]:
    """A putfile to another device over a line of its own, for most of that is waiting."""
    with one_line(house, OTHER) as line, ThreadPoolExecutor(1) as beside:
        yield beside.submit(put_over_cuts, house, line, tmp_path_factory.mktemp("put"))


@contextlib.contextmanager
def one_line(house: House, name: str = DEVICE) -> Iterator[Proxy]:
    """A device, which reaches its broker through this line alone."""
    shim = house.enrol(name)
    place = shim.state / "identity.json"
    identity = json.loads(place.read_text())
    host, port = identity["dial"][0].rsplit(":", 1)
    with Proxy(int(port)) as proxy:
        identity["dial"] = [f"{host}:{proxy.port}"]
        place.write_text(json.dumps(identity))
        house.start_shim(name)
        yield proxy


class Cuts:
    """Cuts the line so many times, each after a random number of bytes since the one before."""

    def __init__(self, line: Proxy, count: int, longest: int, *, down: bool = False) -> None:
        self.left, self._line, self._longest, self._down = count, line, longest, down
        self._random = random.Random(count)
        self._next = (line.sent if down else line.passed) + self._random.randint(1, longest)
        if down:
            line.on_sent = self._look
        else:
            line.on_bytes = self._look

    def _look(self, passed: int) -> None:
        if self.left and passed >= self._next:
            self.left -= 1
            self._next = passed + self._random.randint(1, self._longest)
            # Every third is known to the device alone at first.
            self._line.cut() if self.left % 3 else self._line.cut_device()


def some(stdout: IO[bytes]) -> bytes:
    """What the client shows next."""
    assert select.select([stdout], [], [], SILENT_S)[0], f"nothing came for {SILENT_S:g} s"
    data = os.read(stdout.fileno(), 65_536)
    assert data, "the client ended"
    return data


def typed_and_shown(house: House, cuts: Cuts, place: Path) -> tuple[bytes, bytes]:
    """A program in a shell copies what is typed to a file and to the screen, until all cuts were;
    what was typed, and what came back."""
    argv = ["ssh", "-F", str(house.state / "ssh_config"), "-tt", "-e", "none"]
    argv += ["fireline", f"shell {DEVICE}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None and client.stdout is not None
        try:
            line = b"stty raw -echo; printf 'now-\\r\\n'; tee %b\r" % bytes(place)
            return _fed(cuts, client.stdin, client.stdout, line)
        finally:
            client.kill()


def _fed(cuts: Cuts, stdin: IO[bytes], stdout: IO[bytes], line: bytes) -> tuple[bytes, bytes]:
    stdin.write(line)
    stdin.flush()
    came = b""
    while READY not in came:
        came += some(stdout)
    typed, shown = b"", came.partition(READY)[2]
    source = random.Random(7)
    over = 0
    while not over or len(shown) < len(typed):
        if not cuts.left and not over:
            over = len(typed) + 1  # it has come back once this comes, which is typed after the last
        while (not over or len(typed) < over) and len(typed) - len(shown) < AHEAD:
            piece = source.randbytes(source.randint(1, 3000)).hex().encode()
            stdin.write(piece)
            stdin.flush()
            typed += piece
        shown += some(stdout)
        assert typed.startswith(shown), "something of it is missing, or came twice"
    return typed, shown


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
def test_a_shell_loses_and_doubles_no_byte_either_way(
    house: House, line: Proxy, tmp_path: Path, count: int
) -> None:
    accepted = line.accepted
    typed, shown = typed_and_shown(house, Cuts(line, count, 60_000), tmp_path / "typed")
    assert len(typed) > 10_000 and line.accepted >= accepted + count, "it was not cut"
    assert hashlib.sha256(shown).hexdigest() == hashlib.sha256(typed).hexdigest()
    at_device = (tmp_path / "typed").read_bytes()
    assert hashlib.sha256(at_device).hexdigest() == hashlib.sha256(typed).hexdigest()
    assert not house.of_kind("violation")


def test_a_broker_that_forgets_a_frame_is_found(tmp_path: Path) -> None:
    broken = House(tmp_path / "house", {"reserve_bytes": 1 << 20}, program=(str(BROKEN),))
    with broken as house, one_line(house) as line:
        cuts = Cuts(line, FEW, 60_000)  # at some of them the device had every frame already
        with pytest.raises(AssertionError, match=r"something of it is missing|nothing came"):
            typed_and_shown(house, cuts, tmp_path / "typed")
        assert cuts.left < FEW


def test_rows_come_whole_once_and_in_order(house: House, line: Proxy, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for number in range(6_000):
        (folder / f"file-{number:05}").touch()
    until("the device is online", lambda: house.online(DEVICE), 30)
    plain = house.run(f"on {DEVICE} findfile file-* -path {folder} -output json")
    cuts = Cuts(line, FEW, 120_000)
    cut = house.run(f"on {DEVICE} findfile file-* -path {folder} -output json", limit=120)
    assert cut.status == plain.status == 0, cut.err
    assert cuts.left < FEW, "it was not cut"
    cuts.left = 0
    assert len(json.loads(cut.out)) == 6_000
    assert sorted(cut.out.splitlines()) == sorted(plain.out.splitlines())
    assert not house.of_kind("violation")


def put_over_cuts(house: House, line: Proxy, folder: Path) -> None:
    data = random.Random(3).randbytes(24 << 20)
    assert house.run("library add big.bin", stdin=data).status == 0
    before, accepted = line.sent, line.accepted
    cuts = Cuts(line, FEW, 4 << 20, down=True)
    ran = house.run(f"on {OTHER} putfile big.bin -path {folder}/big", limit=120)
    assert ran.status == 0, ran.err
    assert cuts.left <= FEW - 3 and line.accepted > accepted + 3, "it was not cut"
    cut, cuts.left = FEW - cuts.left, 0
    assert (folder / "big").read_bytes() == data
    # At most a window is sent again after each cut.
    assert line.sent - before < len(data) * 1.05 + cut * (1 << 20), "it began anew"
    assert [p.name for p in folder.iterdir()] == ["big"]


def test_putfile_goes_on_at_the_byte_where_it_broke(house: House, beside: "Future[None]") -> None:
    beside.result(150)
    assert not house.of_kind("violation")


@pytest.mark.parametrize(
    "seconds", [5, *(pytest.param(n, marks=pytest.mark.soak) for n in (20, 60))]
)
def test_a_line_that_is_lost_for_a_while_finds_the_shell_as_it_was(
    house: House, line: Proxy, seconds: int
) -> None:
    until("the device is online", lambda: house.online(DEVICE), 30)
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        s.enter("shell")
        s.until(lambda s: bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y])))
        s.enter("i=0; while [ $i -lt 400 ]; do echo tick-$i; i=$((i+1)); sleep 0.01; done")
        s.until(r"^tick-50$")
        session = house.sessions()[-1]
        line.cut(stay_down=True)
        threading.Timer(seconds, line.mend).start()
        until("the broker knows", lambda: house.recorded(session, Kind.GAP))
        s.type("echo typed-$((40+2))\r")  # while nobody is there
        s.type(b"\x1d")
        s.until(rf"^{DEVICE} .*>$", 4)  # one can leave it all the same
        s.enter("fg " + re.findall(r"shell (\d+) is still open", s.all_text)[-1])
        s.until(r"^typed-42$", seconds + 30)
        recorded = house.recorded(session).decode()
        shown = [int(n) for n in re.findall(r"tick-(\d+)\r\n", recorded)]
        assert shown == list(range(400)), "nothing is lost, nothing doubled"
        s.enter("exit")
        s.until(rf"^{DEVICE} .*>$")
        s.enter("exit")
        s.status(30)
