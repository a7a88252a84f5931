"""Lines whose packets no longer arrive, and lines that lose every fifth: in a network of their own.

1. The house runs in a thread that has a network namespace to itself, so its processes have it too.
2. nft drops packets without telling anybody: both ends still believe in their connection.
3. The rig is trusted because the brokers in `broken/`, broken on purpose, fail it.
"""

import contextlib
import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.config import load
from tests.journeys.rig import House, until

pytestmark = [
    pytest.mark.needs("ssh", "nft", "ip", "ss"),
    pytest.mark.timeout(240),
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
]

DEVICE = "far-01"
LIMITS = {"reserve_bytes": 1 << 20, "left_open_s": 1}
CLONE_NEWNET = 0x40000000
FOUND_S = 30.0
BROKEN = Path(__file__).parent / "broken"
LOSING = "meta l4proto tcp numgen random mod 100 < {} drop"
RULES = """\
table inet cut {{
  chain in {{
    type filter hook input priority 0; policy accept;
    {rules}
  }}
}}
"""


def _apart() -> None:
    """This thread, and what it starts, has a network of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def nft(*rules: str) -> None:
    text = RULES.format(rules="\n    ".join(rules))
    subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True)


def mend() -> None:
    subprocess.run(["nft", "delete", "table", "inet", "cut"], check=True)


Inside = Callable[[Callable[[], None]], None]


@pytest.fixture
def inside() -> Iterator[Inside]:
    with ThreadPoolExecutor(1, initializer=_apart) as pool:
        yield lambda body: pool.submit(body).result()


def connected(pid: int, port: int) -> set[str]:
    """Its connections at that port, as the system sees them in this network."""
    only = f"( sport = :{port} or dport = :{port} )"
    told = subprocess.run(
        ["ss", "-tnpH", "state", "established", only], capture_output=True, check=True
    ).stdout.decode()
    return {" ".join(line.split()[2:4]) for line in told.splitlines() if f"pid={pid}," in line}


def cut(*ports: int) -> float:
    """From now on nothing arrives there, or from there; when that was."""
    nft(*(f"tcp {way}port {port} drop" for port in ports for way in "ds"))
    return time.monotonic()


def let_go(ends: dict[int, set[str]], port: int, since: float) -> None:
    """All have let go, in time, of what they had at that port."""
    until(
        f"all have let go of the dead line: {ends}",
        lambda: not any(ends[pid] & connected(pid, port) for pid in ends),
        max(0.1, since + FOUND_S - time.monotonic()),
    )


@contextlib.contextmanager
def talking(house: House) -> Iterator[str]:
    """A shell in which something is shown without end; its session."""
    client = subprocess.Popen(
        house.ssh(f"shell {DEVICE}", "-tt"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert client.stdout is not None and client.stdin is not None
        client.stdin.write(b"while :; do echo still here; sleep 0.2; done\n")
        client.stdin.flush()
        while not client.stdout.readline().startswith(b"still here\r"):
            pass
        yield house.sessions()[-1]
    finally:
        client.kill()
        client.communicate()


@pytest.mark.parametrize("session", [True, False], ids=["with a session", "idle"])
def test_a_line_whose_packets_vanish_is_found_by_both_ends(
    session: bool, tmp_path: Path, inside: Inside
) -> None:
    def body() -> None:
        with House(tmp_path / "house", LIMITS) as house:
            shim = house.start_shim(DEVICE)
            port = load(house.home).device_port
            assert house.broker is not None and shim.process is not None
            with talking(house) if session else contextlib.nullcontext():
                ends = {pid: connected(pid, port) for pid in (house.broker.pid, shim.process.pid)}
                assert all(ends.values()), ends
                let_go(ends, port, cut(port))
                until("the broker says so", lambda: not house.online(DEVICE), 5)
            mend()
            until("it is back", lambda: house.online(DEVICE), 90)
            ran = house.run(f"on {DEVICE} pwd")
            assert (ran.status, ran.out) == (0, "/\n"), ran

    inside(body)


def test_a_client_whose_packets_vanish_is_let_go(tmp_path: Path, inside: Inside) -> None:
    def body() -> None:
        with House(tmp_path / "house", LIMITS) as house:
            house.start_shim(DEVICE)
            port = load(house.home).ssh_port
            with talking(house) as session:
                assert house.broker is not None
                broker = house.broker.pid
                let_go({broker: connected(broker, port)}, port, cut(port))
                until("its session ends", lambda: house.of_kind("session_ended", session), 10)
                mend()
            status, said = house.admin(f"verify {session}")
            assert status == 0, said

    inside(body)


def test_a_broker_that_misses_nobody_is_caught(tmp_path: Path, inside: Inside) -> None:
    def body() -> None:
        program = str(BROKEN / "hears_nothing_missing.py")
        with House(tmp_path / "house", LIMITS, program=[program]) as house:
            house.start_shim(DEVICE)
            assert house.broker is not None
            pid, settings = house.broker.pid, load(house.home)
            with talking(house):
                ports = settings.device_port, settings.ssh_port
                ends = {port: {pid: connected(pid, port)} for port in ports}
                since = cut(*ports)
                for port in ports:
                    with pytest.raises(AssertionError, match="all have let go of the dead line"):
                        let_go(ends[port], port, since)

    inside(body)


def arrives_whole(house: House, source: Path) -> None:
    source.write_bytes(os.urandom(200_000))
    ran = house.run(f"on {DEVICE} getfile {source}", limit=150)
    assert ran.status == 0, ran
    (taken,) = (house.home / "evidence").glob("S*/source")
    assert taken.read_bytes() == source.read_bytes(), "it did not arrive whole"


@pytest.mark.parametrize("loss", [5, 20])
def test_what_goes_over_a_lossy_line_arrives_whole(
    tmp_path: Path, inside: Inside, loss: int
) -> None:
    def body() -> None:
        with House(tmp_path / "house", LIMITS) as house:
            house.start_shim(DEVICE)
            nft(LOSING.format(loss))
            arrives_whole(house, tmp_path / "source")
            lines = house.run(f"on {DEVICE} run echo.sh", limit=150)
            assert lines.status != 0 and lines.err  # no such script: an answer all the same
            mend()
            status, said = house.admin("verify broker")
            assert status == 0, said

    inside(body)


def test_a_broker_that_takes_what_came_is_caught(tmp_path: Path, inside: Inside) -> None:
    def body() -> None:
        program = str(BROKEN / "takes_what_came.py")
        with House(tmp_path / "house", LIMITS, program=[program]) as house:
            house.start_shim(DEVICE)
            nft(LOSING.format(5))
            with pytest.raises(AssertionError, match="did not arrive whole"):
                arrives_whole(house, tmp_path / "source")
            mend()

    inside(body)
