"""Clients of others by exec and at the device's own door, and what they ask for that is refused.

Their ways through the tree of all devices are in test_sftp_clients.py, node's ssh2 in
test_node_client.py.
"""

import hashlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "web-01"
THERE = f"alice~{DEVICE}"
BIG = 64 << 20
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's paramiko
PARAMIKO = "/usr/lib/python3/dist-packages/paramiko/__init__.py"
PARAMIKO_CLIENT = """\
import sys
import paramiko

port, person, key, known, here, there, back = sys.argv[1:]
client = paramiko.SSHClient()
client.load_host_keys(known)
client.connect("127.0.0.1", int(port), person, key_filename=key, allow_agent=False,
               look_for_keys=False, timeout=60)
transport = client.get_transport()

def refused(what, ask):
    try:
        ask()
    except paramiko.SSHException as error:
        print("refused", what, getattr(error, "code", ""))

refused("-L", lambda: transport.open_channel("direct-tcpip", ("127.0.0.1", 1), ("127.0.0.1", 1)))
refused("-R", lambda: transport.request_port_forward("127.0.0.1", 0))
refused("-X", lambda: transport.open_session().request_x11())
refused("subsystem", lambda: transport.open_session().invoke_subsystem("netconf"))
given, out, err = client.exec_command("cat; echo $SECRET no >&2; exit 7",
                                      environment={"SECRET": "x"})
given.write("typed")
given.channel.shutdown_write()
print(out.read(), err.read(), out.channel.recv_exit_status())
files = client.open_sftp()
print(files.put(here, there).st_size)
files.get(there, back)
try:
    files.open(there + "-none")
except FileNotFoundError:
    print("not found")
client.close()
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("clients") / "house", limits) as house:
        house.start_shim(DEVICE)
        yield house


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("big") / "file"
    file.write_bytes(os.urandom(1 << 20) * (BIG >> 20))
    return file


def run(*argv: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(argv, input=given, capture_output=True, timeout=100, check=False)


def port(house: House) -> str:
    found = re.search(r"Port (\d+)", (house.state / "ssh_config").read_text())
    assert found is not None
    return found[1]


def putty(house: House) -> list[str]:
    """What PuTTY's programs need to log in without a question."""
    key = house.state / "alice.ppk"
    if not key.exists():
        made = run("puttygen", str(house.state / "alice"), "-O", "private", "-o", str(key))
        assert made.returncode == 0, made.stderr
    host = run("ssh-keygen", "-lf", str(house.state / "known_hosts")).stdout.decode().split()[1]
    return ["-batch", "-hostkey", host, "-i", str(key), "-P", port(house)]


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# PuTTY's.
@pytest.mark.needs("plink", "puttygen", "ssh-keygen")
def test_plink_runs_lines_on_the_broker_and_on_the_device(house: House) -> None:
    words = ["plink", "-ssh", *putty(house)]
    ran = run(*words, f"{THERE}@127.0.0.1", "cat; echo no >&2; exit 7", given=b"typed")
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"typed", b"no\n")
    ran = run(*words, "alice@127.0.0.1", f"on {DEVICE} exec echo out; echo err >&2; exit 5")
    assert (ran.returncode, ran.stdout, ran.stderr) == (5, b"out\n", b"err\n")
    ran = run(*words, "alice@127.0.0.1", "getfle x")
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.startswith(b"not understood: ")


@pytest.mark.needs("pscp", "psftp", "puttygen", "ssh-keygen")
@pytest.mark.parametrize("protocol", ["-sftp", "-scp"])
def test_puttys_copies_take_the_devices_own_paths(
    house: House, tmp_path: Path, protocol: str
) -> None:
    words = ["pscp", "-q", protocol, *putty(house)]
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    here.write_bytes(os.urandom(100_000))
    put = run(*words, str(here), f"{THERE}@127.0.0.1:{there}")
    got = run(*words, f"{THERE}@127.0.0.1:{there}", str(back))
    assert (put.returncode, got.returncode) == (0, 0), put.stderr + got.stderr
    assert digest(there) == digest(back) == digest(here)
    assert run(*words, f"{THERE}@127.0.0.1:{there}-none", str(back)).returncode == 1


# Libraries and urls.
@pytest.mark.needs(PYTHON, PARAMIKO)
def test_paramiko_runs_copies_and_lives_through_what_is_refused(
    house: House, tmp_path: Path
) -> None:
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    here.write_bytes(os.urandom(300_000))
    ran = run(
        PYTHON, "-I", "-", port(house), THERE, str(house.state / "alice"),
        str(house.state / "known_hosts"), str(here), str(there), str(back),
        given=PARAMIKO_CLIENT.encode(),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout.decode().splitlines() == [  # 1: administratively prohibited
        *("refused -L 1", "refused -R ", "refused -X ", "refused subsystem "),
        *("b'typed' b'no\\n' 7", "300000", "not found"),
    ]
    assert digest(there) == digest(back) == digest(here)


@pytest.mark.needs("curl")
def test_curl_takes_the_devices_own_paths(house: House, tmp_path: Path) -> None:
    key = house.state / "alice"
    words = ["curl", "-sSk", "--key", str(key), "--pubkey", f"{key}.pub", "-u", f"{THERE}:"]
    if b"sftp" not in run("curl", "--version").stdout:
        pytest.skip("this curl has no sftp")
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    here.write_bytes(os.urandom(300_000))
    url = f"sftp://127.0.0.1:{port(house)}{there}"
    put, got = run(*words, "-T", str(here), url), run(*words, "-o", str(back), url)
    assert (put.returncode, got.returncode) == (0, 0), put.stderr + got.stderr
    assert digest(there) == digest(back) == digest(here)
    assert run(*words, f"{url}-none").returncode == 78  # "remote file not found"


@pytest.mark.needs("lftp")
def test_lftp_mirrors_a_folder_of_the_devices_own(house: House, tmp_path: Path) -> None:
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    (here / "sub").mkdir(parents=True)
    (here / "sub" / "it's").write_bytes(os.urandom(300_000))
    script = [
        f'set sftp:connect-program "ssh -a -x -F {house.state}/ssh_config"',
        "set net:max-retries 1", "set cmd:fail-exit yes", f"open -u {THERE}, sftp://fireline",
        f"mirror -R {here} {there}", f"mirror {there} {back}",
    ]  # fmt: skip
    ran = run("lftp", "--norc", "-c", "; ".join(script))
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert digest(there / "sub" / "it's") == digest(back / "sub" / "it's")
    assert digest(back / "sub" / "it's") == digest(here / "sub" / "it's")
    assert run("lftp", "--norc", "-c", "; ".join([*script, f"get {there}/x"])).returncode == 1


@pytest.mark.needs("parallel-ssh")
def test_parallel_ssh_reaches_the_broker_and_the_device_at_once(
    house: House, tmp_path: Path
) -> None:
    words = ["parallel-ssh", "-x", f"-F {house.state}/ssh_config", "-o", str(tmp_path / "out"),
             "-e", str(tmp_path / "err"), "-t", "60"]  # fmt: skip
    hosts = ["-H", f"{THERE}@fireline", "-H", "alice@fireline"]
    ran = run(*words, *hosts[:2], "echo out; echo err >&2")
    assert (ran.returncode, ran.stdout.count(b"[SUCCESS]")) == (0, 1), ran.stdout
    assert (tmp_path / "out" / f"{THERE}@fireline").read_bytes() == b"out\n"
    assert (tmp_path / "err" / f"{THERE}@fireline").read_bytes() == b"err\n"
    ran = run(*words, *hosts, "help nothing-of-that-name")
    assert (ran.returncode, ran.stdout.count(b"Exited with error code")) == (5, 2), ran.stdout


# OpenSSH with what it can be told.
@pytest.mark.needs("sftp")
def test_sftp_with_a_new_key_every_megabyte_carries_64_megabytes_each_way(
    house: House, big: Path, tmp_path: Path
) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    options = ("-F", str(house.state / "ssh_config"), "-o", f"User={THERE}")
    ran = run(
        *("sftp", "-v", "-R", "64", *options, "-o", "RekeyLimit=1M", "-b", "-", "fireline"),
        given=f"put {big} {there}\nget {there} {back}\n".encode(),
    )
    assert ran.returncode == 0, ran.stderr[-2000:].decode()
    assert digest(there) == digest(back) == digest(big)
    assert ran.stderr.count(b"SSH2_MSG_NEWKEYS received") > 100


def test_a_silent_line_is_kept_by_its_clients_questions(house: House) -> None:
    """A client that is not answered ends at its third question, with 255."""
    options = ["-vvv", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"]
    silent = "sleep 5; echo done; exit 6"
    running = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for argv in (
            house.ssh(silent, *options, "-o", f"User={THERE}"),
            house.ssh(f"on {DEVICE} exec {silent}", *options),
        )
    ]
    for client in running:
        out, err = client.communicate(timeout=60)
        assert (client.returncode, out) == (6, b"done\n"), err[-2000:].decode()
        asked = err.count(b"send packet: type 80")
        answered = err.count(b"receive packet: type 81") + err.count(b"receive packet: type 82")
        assert asked >= 3 and answered >= asked - 1


def test_a_terminal_of_no_size_is_one_of_80_by_24(house: House) -> None:
    """ssh -tt that has no terminal itself asks for one of 0x0."""
    ran = run(*house.ssh("stty size; tty; exit 5", "-tt", "-o", f"User={THERE}"))
    assert ran.returncode == 5 and re.match(rb"24 80\r\n/dev/pts/\d+\r\n", ran.stdout)
    ran = run(*house.ssh(f"shell {DEVICE}", "-tt"), given=b"stty size; exit 4\r")
    assert ran.returncode == 4 and b"24 80\r\n" in ran.stdout
    ran = run(*house.ssh(f"connect {DEVICE}", "-tt"), given=b"cd /usr\rexit\r")
    assert ran.returncode == 0 and f"{DEVICE}\x1b[0m /usr>".encode() in ran.stdout


def test_forwarding_and_environment_are_refused_and_the_line_runs(house: House) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        wanted = free.getsockname()[1]
    options = ["-A", "-X", "-R", f"{wanted}:127.0.0.1:1", "-o", "SetEnv=LD_PRELOAD=/x.so SECRET=1"]
    for user, line in ((THERE, ""), ("alice", f"on {DEVICE} exec ")):
        line += "echo ${SECRET-none} ${LD_PRELOAD-none} ${SSH_AUTH_SOCK-none}; exit 7"
        ran = run(*house.ssh(line, *options, "-o", f"User={user}"))
        assert (ran.returncode, ran.stdout) == (7, b"none none none\n"), ran.stderr.decode()
        assert b"remote port forwarding failed" in ran.stderr
