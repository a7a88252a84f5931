"""Twenty secrets are planted by real use and searched for everywhere they must not be."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from commands.language.enrolment import format_token, parse_token
from tests.journeys.rig import SHIM, House, until

pytestmark = [pytest.mark.needs("ssh", "ssh-keygen"), pytest.mark.timeout(120)]
DEVICES = ("sec-01", "sec-02", "sec-03")
SLEEPER = b"#!/bin/sh\necho begun\nsleep 60\n"
HOMES = ("device_ca.key", "ssh_host_ed25519_key", "device_door.pem")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("secrets") / "house", {"reserve_bytes": 1 << 20}) as house:
        yield house


def key_lines(path: Path) -> list[bytes]:
    """What of a private key no public part has: its own lines but the first."""
    lines = path.read_bytes().split(b"-----END")[0].splitlines()[2:]
    assert lines, path
    return [lines[0]]


def enrol(house: House, name: str, text: str) -> "subprocess.CompletedProcess[bytes]":
    words = ["enroll", "--state", str(house.state / f"no-{name}"), "--name", name]
    return subprocess.run(
        [sys.executable, "-I", *SHIM, *words], input=text.encode(), capture_output=True
    )


def test_no_secret_is_in_argv_environment_logs_journal_or_files(house: House) -> None:
    planted: dict[str, list[bytes]] = {}
    answers = b""
    for number in range(11):  # used, used twice, for another name, malformed
        text = house.token(f"tok-{number:02}")
        planted[f"token {number}"] = [text.encode(), parse_token(text).secret.encode()]
        token = parse_token(text)
        given = [text, text, format_token(token), text[:-2], text + "=="][number % 5]
        name = f"tok-{number:02}" if number % 3 else "another"
        for _ in range(2):
            ran = enrol(house, name, given)
            answers += ran.stdout + ran.stderr
    for name in DEVICES:
        planted[f"key of {name}"] = key_lines(house.start_shim(name).state / "key.pem")
    for person in ("alice", "bob", "carol"):
        planted[f"key of {person}"] = key_lines(house.state / person)
    for name in HOMES:
        planted[name] = key_lines(house.home / name)
    assert len(planted) == 20
    assert house.run("library add sleeper.sh", stdin=SLEEPER).status == 0
    for line in ("processes", "getfile /etc/hostname", f"cat {house.state}/sec-01/key.pem"):
        house.run(f"on {DEVICES[0]} {line}")
    client = subprocess.Popen(
        house.ssh(f"on {DEVICES[1]} run sleeper.sh"), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert client.stdout is not None and client.stdout.readline() == b"begun\n"
    places = {"what enrolment printed": answers, **processes(house), **files(house)}
    assert any("worker" in place for place in places) and "broker.log" in str(places.keys())
    found = [
        (secret, place)
        for secret, texts in planted.items()
        for place, data in places.items()
        if any(text in data for text in texts)
    ]
    client.terminate()
    client.wait(10)
    client.stdout.close()
    until("its command ends", lambda: not house.shims[DEVICES[1]].left())
    assert found == []


def processes(house: House) -> dict[str, bytes]:
    """argv and environment of the broker, of each supervisor and what each has started."""
    assert house.broker is not None
    tops = [psutil.Process(house.broker.pid), *(house.shims[name].supervisor for name in DEVICES)]
    seen: dict[str, bytes] = {}
    for top in tops:
        for one in (top, *top.children(recursive=True)):
            argv, words = one.cmdline(), one.environ()
            kind = "worker" if any("worker" in word for word in argv) else argv[0]
            seen[f"process {one.pid} {kind}"] = repr((argv, words)).encode()
    return seen


def files(house: House) -> dict[str, bytes]:
    """Logs, journal, recordings, results, evidence; and the devices' folders; but for the keys."""
    keys = {*HOMES, "key.pem", "alice", "bob", "carol"}
    return {
        str(path): path.read_bytes()
        for path in house.state.rglob("*")
        if path.is_file() and path.name not in keys
    }
