"""Lines whose packets no longer arrive, and lines that lose every fifth: in a network of their own.

1. A house runs in a thread that has a network namespace to itself, so its processes have it too;
   all houses at once, for most of a scene is waiting.
2. nft drops packets without telling anybody: both ends still believe in their connection.
3. The rig is trusted because the brokers in `broken/`, broken on purpose, fail it.
"""

import contextlib
import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from server.config import load
from tests.journeys.rig import House, until

pytestmark = [
    pytest.mark.needs("ssh", "nft", "ip", "ss"),
    pytest.mark.timeout(240),
    pytest.mark.slow,
    pytest.mark.xdist_group("dead_lines"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
]

DEVICE, IDLE = "far-01", "far-02"
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


Body = Callable[[Path], None]
Scenes = Callable[[Body], "Future[None]"]


def _pid(process: "subprocess.Popen[bytes] | None") -> int:
    assert process is not None
    return process.pid


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenes]:
    """All at once: they wait, most of their time, for ends that are slow to be sure of a death."""
    with contextlib.ExitStack() as open_pools:
        begun: dict[Body, Future[None]] = {}
        for body in SCENES:
            pool = open_pools.enter_context(ThreadPoolExecutor(1, initializer=_apart))
            begun[body] = pool.submit(body, tmp_path_factory.mktemp("scene"))
        yield begun.__getitem__


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
        every=0.2,
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


def packets_vanish(place: Path) -> None:
    """A device at rest, one with a session, and that session's client are cut off at once."""
    with House(place / "house", LIMITS) as house:
        shims = [house.start_shim(name) for name in (DEVICE, IDLE)]
        settings = load(house.home)
        broker = _pid(house.broker)
        with talking(house) as session:
            lines = [broker, *(_pid(shim.process) for shim in shims)]
            ends = {pid: connected(pid, settings.device_port) for pid in lines}
            client = {broker: connected(broker, settings.ssh_port)}
            assert all(ends.values()) and all(client.values()), (ends, client)
            since = cut(settings.device_port, settings.ssh_port)
            let_go(ends, settings.device_port, since)
            let_go(client, settings.ssh_port, since)
            until("the broker says so", lambda: not any(map(house.online, (DEVICE, IDLE))), 5)
            until("its session ends", lambda: house.of_kind("session_ended", session), 10)
        mend()
        for name in (DEVICE, IDLE):
            until("it is back", lambda name=name: house.online(name), 90)  # type: ignore[misc]
            ran = house.run(f"on {name} pwd")
            assert (ran.status, ran.out) == (0, "/\n"), ran
        status, said = house.admin(f"verify {session}")
        assert status == 0, said


def misses_nobody(place: Path) -> None:
    """Its broker, broken on purpose, lets go of neither line."""
    program = str(BROKEN / "hears_nothing_missing.py")
    with House(place / "house", LIMITS, program=[program]) as house:
        house.start_shim(DEVICE)
        pid, settings = _pid(house.broker), load(house.home)
        with talking(house):
            ports = settings.device_port, settings.ssh_port
            ends = {port: {pid: connected(pid, port)} for port in ports}
            since = cut(*ports)
            for port in ports:
                with pytest.raises(AssertionError, match="all have let go of the dead line"):
                    let_go(ends[port], port, since)
            mend()
        house.kill_broker()  # it would wait for those that it does not miss


def loses_a_twentieth(place: Path) -> None:
    _loses(place, 5)


def loses_a_fifth(place: Path) -> None:
    _loses(place, 20)


def _loses(place: Path, loss: int) -> None:
    with House(place / "house", LIMITS) as house:
        house.start_shim(DEVICE)
        nft(LOSING.format(loss))
        arrives_whole(house, place / "source")
        lines = house.run(f"on {DEVICE} run echo.sh", limit=150)
        assert lines.status != 0 and lines.err  # no such script: an answer all the same
        mend()
        status, said = house.admin("verify broker")
        assert status == 0, said


def takes_what_came(place: Path) -> None:
    """Its broker, broken on purpose, takes half a file for a whole one."""
    program = str(BROKEN / "takes_what_came.py")
    with House(place / "house", LIMITS, program=[program]) as house:
        house.start_shim(DEVICE)
        nft(LOSING.format(5))
        with pytest.raises(AssertionError, match="did not arrive whole"):
            arrives_whole(house, place / "source")
        mend()


def arrives_whole(house: House, source: Path) -> None:
    source.write_bytes(os.urandom(200_000))
    ran = house.run(f"on {DEVICE} getfile {source}", limit=150)
    assert ran.status == 0, ran
    (taken,) = (house.home / "evidence").glob("S*/source")
    assert taken.read_bytes() == source.read_bytes(), "it did not arrive whole"


SCENES: tuple[Body, ...] = (
    packets_vanish, misses_nobody, loses_a_twentieth, loses_a_fifth, takes_what_came
)  # fmt: skip


def test_lines_and_clients_whose_packets_vanish_are_found_by_all_ends(scenes: Scenes) -> None:
    scenes(packets_vanish).result()


def test_a_broker_that_misses_nobody_is_caught(scenes: Scenes) -> None:
    scenes(misses_nobody).result()


@pytest.mark.parametrize("scene", [loses_a_twentieth, loses_a_fifth])
def test_what_goes_over_a_lossy_line_arrives_whole(scenes: Scenes, scene: Body) -> None:
    scenes(scene).result()


def test_a_broker_that_takes_what_came_is_caught(scenes: Scenes) -> None:
    scenes(takes_what_came).result()
