"""`you~NAME@broker`: the device itself, for every tool that speaks ssh."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import psutil
import pytest

from server.audit.chunks import Kind, Reader
from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(180)]

DEVICE = "web-01"
THERE = ("-o", f"User=alice~{DEVICE}")
LARGE = 16 << 20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("door") / "house", limits) as house:
        house.start_shim(DEVICE)
        yield house


def there(house: House, line: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """One line on the device, with bytes as they are."""
    argv = house.ssh(line, *THERE)
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=120, check=False)


def ended(pid: int) -> bool:
    """Whether a process runs no more, waited for by its parent or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def last_session(house: House) -> str:
    """The newest session that is over, of those on the device."""
    begun = [r for r in house.of_kind("session_begun") if r.get("device", DEVICE) != "-"]
    session = str(begun[-1]["session"])
    until("it is sealed", lambda: house.of_kind("session_ended", session))
    return session


def results(house: House, session: str) -> dict[Kind, bytes]:
    """What the result file of a session's only command holds."""
    kept: dict[Kind, bytes] = {}
    for chunk in Reader(house.home / "results" / session / "1.res"):
        kept[chunk.kind] = kept.get(chunk.kind, b"") + chunk.data
    return kept


def test_a_line_runs_in_the_accounts_home_with_its_own_status_and_both_outputs(
    house: House,
) -> None:
    ran = there(house, "cd && pwd -P; [ $PWD = ~ ] && echo home; echo no >&2; exit 7")
    home = subprocess.run(["sh", "-c", "cd ~ && pwd -P"], capture_output=True, check=True).stdout
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, home + b"home\n", b"no\n")


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("echo it's", None),
        ('echo "a\\"b"; echo \'x|y\' > /dev/null & wait', b'a"b\n'),
        ("echo one\necho two\ncat <<X\nit's\nX\n", b"one\ntwo\nit's\n"),
        ("  -x 2>/dev/null; echo ' -y'", b" -y\n"),
        ("printf '%s' \udce9\udcff | od -An -tx1", b" e9 ff\n"),
        ("printf %s 'raw:%FF' é", "raw:%FFé".encode()),
    ],
)
def test_the_line_reaches_the_shell_to_the_byte(house: House, line: str, out: bytes | None) -> None:
    ran = there(house, line)
    if out is None:  # the quote is the shell's own affair, not ours
        assert ran.returncode in (1, 2) and b"not understood" not in ran.stderr
    else:
        assert (ran.returncode, ran.stdout) == (0, out)


def test_a_line_that_cannot_be_carried_is_refused_in_one_sentence(house: House) -> None:
    ran = there(house, "true " + "x" * 60_000)
    assert ran.returncode == 2 and ran.stdout == b""
    assert re.fullmatch(
        rb"not understood: the line is 60,\d\d\d bytes as it is sent, at most 60,000\n", ran.stderr
    )


def test_data_of_any_kind_goes_both_ways_unchanged(house: House) -> None:
    data = os.urandom(LARGE) + b"\x1b]52;c;aGk=\x07\xc2\x9d\r\n\0"
    ran = there(house, "cat", data)
    assert ran.returncode == 0 and len(ran.stdout) == len(data)
    assert hashlib.sha256(ran.stdout).digest() == hashlib.sha256(data).digest()


def test_a_thousand_lines_of_errors_stay_apart_from_the_output(house: House) -> None:
    ran = there(house, "for i in $(seq 1000); do echo e$i >&2; echo o$i; done")
    assert ran.stderr.split() == [f"e{n}".encode() for n in range(1, 1001)]
    assert ran.stdout.split() == [f"o{n}".encode() for n in range(1, 1001)]


def test_one_that_a_signal_ended_is_told_by_that_signal(house: House) -> None:
    argv = house.ssh("kill -9 $$", "-v", *THERE)
    ran = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 255
    assert b"rtype exit-signal" in ran.stderr and b"rtype exit-status" not in ran.stderr


def test_without_a_command_it_is_the_shell(house: House) -> None:
    argv = [*house.ssh("", *THERE)[:-1]]
    ran = subprocess.run(
        argv, input=b"echo in; pwd; exit 4\n", capture_output=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout) == (4, f"in\n{os.path.expanduser('~')}\n".encode())


def test_what_is_left_running_ends_with_it_and_is_named(house: House) -> None:
    ran = there(house, "sleep 1000 & echo $!")
    pid = int(ran.stdout)
    assert ran.returncode == 0 and ended(pid)
    assert ran.stderr == f"ended with it: {pid} sleep\n".encode()


def test_a_client_that_is_killed_takes_its_line_along(house: House) -> None:
    client = subprocess.Popen(
        house.ssh("echo $$; exec sleep 1000", *THERE),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.send_signal(signal.SIGKILL)
    client.communicate()
    until("it has ended", lambda: ended(pid))
    assert house.of_kind("ended", last_session(house))[0]["state"] == "cancelled"


def test_it_is_recorded_before_and_after_with_digests_and_verifies(house: House) -> None:
    ran = there(house, "cat; echo no >&2", b"typed in\n")
    assert ran.returncode == 0
    session = last_session(house)
    kinds = [r["kind"] for r in house.records(session)]
    assert kinds[-5:-1] == ["command_typed", "decided", "started", "ended"]
    typed, ended = house.of_kind("command_typed", session)[0], house.of_kind("ended", session)[0]
    assert (typed["line"], typed["door"]) == ("exec cat; echo no >&2", "exec")
    assert typed["value"]["line"] == "cat; echo no >&2"
    kept = results(house, session)
    assert (kept[Kind.STDOUT], kept[Kind.STDERR]) == (b"typed in\n", b"no\n")
    assert house.recorded(session, Kind.INPUT) == b"typed in\n"
    assert house.recorded(session, Kind.OUTPUT) == b""
    played = house.run(f"replay {session} -output cast", host="fireline-auditor").out
    events = [json.loads(line)[1:] for line in played.splitlines()[1:]]
    shown = [text for kind, text in events if kind in ("i", "o")]
    assert sorted(shown) == ["no\r\n", "typed in\n", "typed in\r\n"] and shown[0] == "typed in\n"
    path = house.home / "results" / session / "1.res"
    assert ended["result_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert house.admin(f"verify {session}")[0] == 0


def test_an_unknown_device_one_unseen_and_a_refused_one(house: House) -> None:
    """The first two are told alike, after the login; who may not is told the rule."""
    told = {}
    for name in ("nowhere", "-x", "", "WEB-02"):
        ran = house.run("touch /tmp/fireline-ran", "-o", f"User=alice~{name}")
        told[name] = ran.err.replace(name or "~", "NAME", 1)
        assert (ran.status, ran.out) == (4, "")
    assert len(set(told.values())) == 1
    assert told["nowhere"].startswith("unreachable: NAME: no device of that name that you may see")
    refused = house.run("true", "-o", f"User=bob~{DEVICE}", host="fireline-basic")
    assert (refused.status, refused.out) == (3, "")
    assert refused.err.startswith(f"refused: exec on {DEVICE} needs advanced, you are basic (rule ")
    lines = [r["line"] for s in house.sessions() for r in house.of_kind("command_typed", s)]
    assert "on nowhere exec touch /tmp/fireline-ran" in lines and "exec true" in lines


def test_before_the_login_a_device_changes_no_answer(house: House) -> None:
    wrong = {
        name: house.run("true", "-o", f"User={name}", host="fireline-basic").err.replace(name, "X")
        for name in ("alice", f"alice~{DEVICE}", "alice~nowhere", f"mallory~{DEVICE}")
    }
    assert len(set(wrong.values())) == 1 and "Permission denied (publickey)" in wrong["alice"]


def test_a_terminal_is_given_where_one_was_asked_for(house: House) -> None:
    line = (
        "stty size; read -r x; stty size; trap 'echo got int; exit 5' INT; echo ready; "
        "while :; do sleep 0.1; done"
    )
    with Screen(house.ssh(line, "-tt", *THERE), columns=101, rows=33) as s:
        s.until(r"\A33 101$")
        s.resize(70, 20)
        s.type("\x1d")  # no key of ours: the line gets it
        until_resized(s)
        s.enter("")
        s.until(r"^20 70\nready$")
        s.type("\x03")
        s.until(r"got int$")
        assert s.status() == 5
    session = last_session(house)
    assert b"33 101\r\n" in house.recorded(session) and b"\x1d" in house.recorded(
        session, Kind.INPUT
    )


def until_resized(screen: Screen) -> None:
    """The client tells a new size when its own signal has come."""
    end = time.monotonic() + 1
    while time.monotonic() < end:
        screen.read()


async def test_signals_of_a_client_reach_the_line(house: House) -> None:
    port = int(re.search(r"Port (\d+)", (house.state / "ssh_config").read_text())[1])  # type: ignore[index]
    async with asyncssh.connect(
        "127.0.0.1", port, username=f"alice~{DEVICE}", client_keys=[str(house.state / "alice")],
        known_hosts=None, config=None, agent_path=None,
    ) as client:  # fmt: skip
        line = "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.05; done"
        process = await client.create_process(line)
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("USR1")
        assert await process.stdout.readline() == "usr1\n"
        process.send_signal("NONE")  # nobody's
        process.send_signal("TERM")
        ended = await process.wait()
        assert ended.exit_signal is not None and ended.exit_signal[0] == "TERM"


def test_ten_channels_of_one_connection_run_beside_each_other(house: House) -> None:
    control = ("-o", f"ControlPath={house.state}/%n", *THERE)
    master = house.ssh("", "-M", "-N", "-f", *control)[:-1]
    subprocess.run(master, check=True, timeout=60, stderr=subprocess.DEVNULL)
    try:
        running = [
            subprocess.Popen(
                house.ssh(f"read x; echo $x; exit {n}", *control),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            for n in range(10)
        ]  # fmt: skip
        for number, client in reversed(list(enumerate(running))):
            out, _ = client.communicate(f"n{number}\n".encode(), timeout=60)
            assert (client.returncode, out) == (number, f"n{number}\n".encode())
    finally:
        subprocess.run(house.ssh("", "-O", "exit", *control)[:-1], check=True, timeout=60,
                       stderr=subprocess.DEVNULL)  # fmt: skip


def test_nothing_is_forwarded_there_either(house: House) -> None:
    for forward in (
        ("-W", "127.0.0.1:22"),
        ("-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:x:1"),
    ):
        argv = house.ssh("", *forward, *THERE)[:-1]
        ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                             check=False)  # fmt: skip
        assert ran.returncode == 255
    assert there(house, "echo ${SSH_AUTH_SOCK-none} ${DISPLAY-none}").stdout == b"none none\n"


def test_it_is_a_word_like_any_other(house: House) -> None:
    ran = house.run(f'on {DEVICE} exec cat; echo "it\'s"; exit 3')
    assert (ran.status, ran.out, ran.err) == (3, "it's\n", "")
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=100) as s:
        s.until(rf"{DEVICE} />$")
        s.enter("cd /usr")
        s.enter("exec pwd; tty; exit 2")
        s.until(rf"^exec on {DEVICE} as \S+, recorded; .*\n/usr\n/dev/pts/\d+\n(.*\n)*.* /usr>$")
        s.enter("exit")
        s.status()


def test_lines_that_come_while_one_runs_are_run_after_it(house: House, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with subprocess.Popen(
        house.ssh(f"connect {DEVICE}", "-T"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as lines:
        assert lines.stdin is not None and lines.stdout is not None
        lines.stdin.write(f"exec echo up; until [ -e {go} ]; do sleep 0.05; done\n".encode())
        lines.stdin.flush()
        assert lines.stdout.readline() == b"up\n"
        lines.stdin.write(b"exec echo two; cat\nexec exit 6\n")
        lines.stdin.close()
        go.touch()
        assert lines.stdout.read() == b"two\n"
    assert lines.returncode == 6


def test_what_nobody_reads_stays_on_the_device_and_a_budget_ends_it_with_its_reason(
    tmp_path: Path,
) -> None:
    limits = {"reserve_bytes": 1 << 20, "results_bytes": 30 << 20, "recording_bytes": 8 << 20}
    with House(tmp_path / "house", limits) as house:
        house.start_shim(DEVICE)
        flood = subprocess.Popen(
            house.ssh("cat /dev/zero", *THERE), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert flood.stdout is not None and flood.stdout.read(1 << 20)
        flood.send_signal(signal.SIGSTOP)
        kept = still(lambda: sum(f.stat().st_size for f in (house.home / "results").rglob("*.res")))
        assert kept < 10 << 20
        flood.send_signal(signal.SIGCONT)
        _, told = flood.communicate(timeout=60)
        assert flood.returncode == 3 and b"results reached their budget of 31,457,280" in told
        given = there(house, "cat > /dev/null", bytes(16 << 20))
        assert given.returncode == 3
        assert b"reached its budget of 8,388,608 bytes" in given.stderr
        assert house.admin(f"verify {last_session(house)}")[0] == 0


def still(size: Callable[[], int]) -> int:
    """What it is once it has not grown for a second."""
    last, since = size(), time.monotonic()
    while time.monotonic() - since < 1:
        if (now := size()) != last:
            last, since = now, time.monotonic()
        time.sleep(0.05)
    return last


def test_it_is_denied_where_shell_is(house: House) -> None:
    house.start_shim("no-shell")
    policy = house.shims["no-shell"].state / "policy.toml"
    policy.write_text("\ndeny = ['shell']\n")
    policy.chmod(0o600)
    until("the broker knows", lambda: "refused" in house.run("why exec no-shell").out)
    ran = house.run("touch /tmp/fireline-ran", "-o", "User=alice~no-shell")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err == (
        "refused: exec on no-shell needs shell, which is denied by its own policy "
        "(policy.toml line 2); run is allowed\n"
    )
    assert not os.path.exists("/tmp/fireline-ran")
