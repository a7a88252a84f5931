"""The way of real use, each step printed by the one before: init, serve, token, enroll, run, ssh.

Only the installed programs and stock clients are used, each a process of its own.
"""

import base64
import contextlib
import datetime
import json
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from server.audit.chunks import Kind, Reader
from server.identity.device_ca import create_ca
from tests.doors.rig import make_key
from tests.journeys.programs import ACCESS, House, devices, run
from tests.journeys.rig import _free_ports, until
from tests.journeys.screen import Screen

pytestmark = [
    pytest.mark.needs("ssh", "ssh-keygen", "ssh-keyscan"),
    pytest.mark.xdist_group("real use"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The steps up to an online device, what each printed kept in `said`."""
    house = House(tmp_path_factory.mktemp("real"))
    for person in ("alice", "bob"):
        make_key(house.folder, person)
    ports = dict(zip(("ssh", "device", "enrolment"), map(str, _free_ports(3)), strict=True))
    options = [word for name, port in ports.items() for word in (f"--{name}-port", port)]
    init = house.fireline("init", "--host", "127.0.0.1", "--name", "127.0.0.1", *options)
    assert init.status == 0, init.err
    house.said |= {"init": init.out, "ssh": ports["ssh"]}
    try:
        house.start("broker", "fireline", house.state, "serve")
        until("serve says what is next", lambda: "next" in house.told("broker"))
        house.said["serve"] = house.told("broker")
        house.said["key"] = run(["ssh-keyscan", "-p", ports["ssh"], "127.0.0.1"]).out
        (house.folder / "known_hosts").write_text(house.said["key"])
        token = house.fireline("token", "new", "-names", "web-*", "-tags", "web")
        house.said |= {"token": token.out, "token_note": token.err}
        enroll = house.endpoint("enroll", "--name", "web-01", stdin=token.out)
        assert enroll.status == 0, enroll.err
        house.said["enroll"] = enroll.out
        house.start("device", "fireline-endpoint", house.device, "run")
        until("the device is online", lambda: '"online":true' in devices(house))
        yield house
    finally:
        for name in list(house.processes):
            house.stop(name)


# Each step prints the next, and what it prints is so.
def test_each_step_prints_the_next(house: House) -> None:
    state = shlex.quote(str(house.state))
    assert f"next: fireline --state {state} serve" in house.said["init"]
    assert f"fireline --state {state} token new > FILE" in house.said["serve"]
    assert f"serving ssh at 127.0.0.1:{house.said['ssh']}" in house.said["serve"]
    assert "fireline-endpoint enroll < FILE" in house.said["token_note"]
    assert f"next: fireline-endpoint --state {house.device} run" in house.said["enroll"]


def test_the_fingerprint_that_init_prints_is_the_served_keys(house: House) -> None:
    shown = run(["ssh-keygen", "-l", "-f", "-"], house.said["key"]).out.split()[1]
    assert shown.startswith("SHA256:") and shown in house.said["init"]


def test_a_second_init_changes_nothing(house: House) -> None:
    again = house.fireline("init")
    assert again.status == 3 and "serve starts it" in again.err


# Tokens.
def test_a_token_is_one_line_kept_in_no_file_and_good_once(house: House) -> None:
    token = house.said["token"]
    assert re.fullmatch(r"fl1\.[\w-]+\n", token)
    again = house.endpoint("enroll", "--name", "web-02", stdin=token, state=house.folder / "2")
    assert again.status == 3 and "the token was used already" in again.err
    fresh = house.token()
    for path in (path for path in house.folder.rglob("*") if path.is_file()):
        with contextlib.suppress(FileNotFoundError):  # it was written beside another, and is it now
            held = path.read_bytes()
            for secret in (token, fresh):
                assert secret.strip().encode() not in held, path
    wanted = house.endpoint("enroll", "--name", "db-01", stdin=house.token("-names", "web-*"))
    assert wanted.status == 3 and wanted.out == ""


def test_a_broker_with_another_ca_than_the_tokens_is_told_nothing(house: House) -> None:
    body = house.token().strip().removeprefix("fl1.")
    told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as impostor:

        def answer() -> None:
            """A CA certificate of somebody else's making, and a record of all that is said."""
            connection, _ = impostor.accept()
            with connection:
                heard.extend(connection.recv(4096))
                connection.sendall(other_ca(house.folder / "other"))

        answering = threading.Thread(target=answer)
        answering.start()
        told["url"] = f"https://127.0.0.1:{impostor.getsockname()[1]}"
        token = "fl1." + base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
        ran = house.endpoint("enroll", "--name", "web-03", stdin=token, state=house.folder / "3")
        answering.join(10)
    assert ran.status == 3 and "not the broker that made the token" in ran.err
    assert "nothing was sent" in ran.err
    assert bytes(heard) == b"fireline ca\n"


def other_ca(folder: Path) -> bytes:
    """The certificate of a CA that is nobody's."""
    folder.mkdir(mode=0o700)
    create_ca(folder)
    return (folder / "device_ca.pem").read_bytes()


# The rules, edited while it runs.
def test_people_of_the_file_get_in_within_two_seconds_and_why_names_the_rule(house: House) -> None:
    assert run(house.ssh("alice", "devices")).status == 255
    house.access()
    assert run(house.ssh("alice", "devices")).status == 0  # at most 2.5 s later
    ran = run(house.ssh("alice", "on", "web-01", "cat", "/proc/sys/kernel/ostype"))
    assert (ran.status, ran.out) == (0, "Linux\n"), ran.err
    why = run(house.ssh("alice", "why run web-01")).out
    line = ACCESS[: ACCESS.index("name: responders")].count("\n") + 1
    assert why == (
        f"allowed: run on web-01: you are advanced (rule responders, access.yaml line {line})\n"
    )
    why = run(house.ssh("bob", "why run web-01")).out
    assert "refused: run on web-01 needs advanced, you are basic (rule lookers" in why
    assert "rule responders" in why and "alice" in why


def test_a_bad_file_is_refused_whole_by_line_and_key_and_the_old_rules_stay(house: House) -> None:
    house.access()
    house.access(ACCESS.replace("role: basic", "role: bsic"))
    line = ACCESS[: ACCESS.index("role: basic")].count("\n") + 1
    words = f"access.yaml line {line}, rules[4].role: bsic is no role"
    until("the log says it", lambda: words in house.told("broker"), 5)
    assert any("rules_refused" in record and words in record for record in house.journal())
    assert run(house.ssh("bob", "devices")).status == 0
    house.access()


def test_a_removed_persons_open_console_is_cut_within_five_seconds(house: House) -> None:
    house.access()
    command = house.ssh("alice", "connect web-01")
    with Screen([command[0], "-t", *command[1:]]) as alice:
        alice.until(r"web-01.*> ?$")
        without = "\n".join(line for line in ACCESS.splitlines() if "alice" not in line) + "\n"
        house.access(without)
        assert alice.status(5) == 255
        assert re.search(r"the access rules no\s+longer know this key", alice.text)
    assert run(house.ssh("alice", "devices")).status == 255
    house.access()
    assert run(house.ssh("alice", "devices")).status == 0


def test_an_open_shell_ends_when_its_person_loses_the_role(house: House) -> None:
    house.access()
    command = house.ssh("alice", "shell web-01")
    with Screen([command[0], "-t", *command[1:]]) as alice:
        alice.enter("echo in $((20+3))")
        alice.until("in 23")
        house.access(ACCESS.replace("role: advanced", "role: basic"))
        alice.until(r"shell stopped on web-01 by the rules", 5)
    house.access()


def test_what_is_typed_at_a_password_prompt_is_recorded_as_its_length(house: House) -> None:
    house.access()
    command = house.ssh("alice", "shell web-01")
    with Screen([command[0], "-t", *command[1:]]) as alice:
        alice.until(r"[#$] ?$")
        alice.enter(f"{sys.executable} -c 'import getpass as g; print(len(g.getpass()), 1 + 1)'")
        alice.until("^Password: ?$")
        alice.enter("correct-horse")
        alice.until("^13 2$")
        alice.enter("echo spoken; exit")
        assert alice.status() == 0
    recorded = b"".join(path.read_bytes() for path in (house.state / "recordings").iterdir())
    assert b"correct-horse" not in recorded
    typed = [
        chunk.data
        for path in (house.state / "recordings").iterdir()
        for chunk in Reader(path)
        if chunk.kind is Kind.INPUT
    ]
    assert b"echo spoken; exit\r" in b"".join(typed)


# The operator's words at the broker's own socket.
def test_the_operator_lists_audits_and_verifies_and_needs_a_rule_for_the_library(
    house: House,
) -> None:
    house.access()
    assert '"web-01"' in devices(house)
    session = json.loads(house.fireline("sessions", "-desk", "-output", "json").out)[-1]["session"]
    assert house.fireline("verify", session).status == 0
    whole = house.fireline("verify", "broker")
    assert whole.status == 0 and whole.out.rstrip().endswith(
        "not signed: a complete rewrite would not be seen"
    )
    refused = house.fireline("library", "add", "x.sh", stdin="#!/bin/sh\necho x\n")
    assert refused.status == 3 and "library needs advanced, you are" in refused.err
    house.access(ACCESS.replace("role: auditor", "role: advanced, rights: {{library: write}}"))
    assert house.fireline("library", "add", "x.sh", stdin="#!/bin/sh\necho x\n").status == 0
    assert "x.sh" in house.fireline("library").out
    house.access()


# Why a device is offline.
def test_check_says_why(house: House, tmp_path: Path) -> None:
    well = house.endpoint("check")
    assert well.status == 0 and "WRONG" not in well.out
    assert "web-01" in well.out and "takes this device's certificate" in well.out

    device = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(house.device), str(device)], check=True)
    identity = device / "identity.json"
    whole = json.loads(identity.read_bytes())
    identity.write_text(json.dumps(whole | {"dial": ["no-such-broker.invalid:1"]}))
    lost = house.endpoint("check", state=device)
    assert lost.status == 1 and "the name does not resolve" in lost.out
    identity.write_text(json.dumps(whole | {"dial": ["127.0.0.1:1"]}))
    down = house.endpoint("check", state=device)
    assert down.status == 1 and "WRONG 127.0.0.1:1: Connection refused" in down.out

    identity.write_text(json.dumps(whole))
    for start, end, words in (
        (2, 300, "before the certificate's start"),
        (-300, -2, "the certificate ended on"),
    ):
        patched(house, device / "device.pem", start, end)
        wrong = house.endpoint("check", state=device)
        assert wrong.status == 1
        assert re.search(rf"^WRONG .*{words}", wrong.out, re.MULTILINE), wrong.out


def patched(house: House, certificate: Path, start: int, end: int) -> None:
    """The device's certificate anew, from `start` to `end` days from now."""
    ca_key = load_pem_private_key((house.state / "device_ca.key").read_bytes(), None)
    old = x509.load_pem_x509_certificate(certificate.read_bytes())
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=old.issuer,
        subject_name=old.subject,
        public_key=old.public_key(),
        serial_number=old.serial_number,
        not_valid_before=now + datetime.timedelta(days=start),
        not_valid_after=now + datetime.timedelta(days=end),
        extensions=list(old.extensions),
    )
    new = builder.sign(ca_key, hashes.SHA256())  # type: ignore[arg-type]
    certificate.write_bytes(new.public_bytes(Encoding.PEM))


def test_revoke_cuts_at_once_and_the_device_knows_why(house: House) -> None:
    house.access()
    command = house.ssh("alice", "shell web-01")
    with Screen([command[0], "-t", *command[1:]]) as alice:
        alice.enter("echo in $((20+3))")
        alice.until("in 23")
        revoked = house.fireline("revoke", "web-01")
        assert revoked.status == 0 and "its line was cut" in revoked.out + revoked.err
        alice.until("web-01 was revoked", 3)
    until("the shim says why", lambda: "the device was revoked" in house.told("device"), 5)
    until("it is refused", lambda: "revoked or unknown" in house.told("device"), 10)
    check = house.endpoint("check")
    assert check.status == 1
    assert re.search(r"^WRONG 127.0.0.1:\d+: refused the line: .*revoked", check.out, re.M)
    assert re.search(r"^WRONG last without a line since .*: refused .*revoked", check.out, re.M)
    assert '"web-01"' not in devices(house)

    moved = house.endpoint("enroll", "--name", "web-01", stdin=house.token())
    assert moved.status == 3 and "move it away" in moved.err
    house.stop("device")
    house.device.rename(house.folder / "old")
    enroll = house.endpoint("enroll", "--name", "web-01", stdin=house.token())
    assert enroll.status == 0, enroll.err
    house.start("device", "fireline-endpoint", house.device, "run")
    until("it is back under its name", lambda: '"online":true' in devices(house))


# The start that fails says what to do.
def test_a_start_that_cannot_be_says_why_in_one_line(house: House, tmp_path: Path) -> None:
    twice = house.fireline("serve")
    assert twice.status == 3 and "another broker runs" in twice.err
    nothing = House(tmp_path)
    assert "fireline init makes one" in nothing.fireline("serve").err
    assert "fireline serve starts it" in nothing.fireline("devices").err
    init = ["init", "--host", "127.0.0.1", "--ssh-port", house.said["ssh"], "--device-port", "0"]
    assert nothing.fireline(*init, "--enrolment-port", "0").status == 0
    taken = nothing.fireline("serve")
    assert taken.status == 1 and taken.err.count("\n") == 1
    assert house.said["ssh"] in taken.err and "in use" in taken.err
