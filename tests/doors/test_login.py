"""Who gets in: with the stock client, and with one that only pretends to hold a key."""

import asyncio
import fcntl
import socket
import termios
from time import monotonic

import asyncssh
import pytest

from server.audit.records import Login, LoginRefused
from server.doors.login import parted
from tests.doors.rig import Rig, finished


async def refusals(rig: Rig) -> list[LoginRefused]:
    """What was refused; the record is made when the connection has ended."""
    async with asyncio.timeout(5):
        while True:
            found = [body for body in await rig.journal() if isinstance(body, LoginRefused)]
            if found:
                return found
            await asyncio.sleep(0.01)


async def test_a_login_is_journaled_with_person_key_and_source(rig: Rig) -> None:
    assert (await rig.run("alice", "help")).status == 0
    logins = [body for body in await rig.journal() if isinstance(body, Login)]
    assert [(login.person, login.source, login.method) for login in logins] == [
        ("alice", "127.0.0.1", "publickey")
    ]
    key = (await finished(["ssh-keygen", "-lf", str(rig.keys / "alice.pub")])).out.split()[1]
    assert logins[0].key == key


async def test_anothers_key_does_not_log_in(rig: Rig) -> None:
    command = rig.ssh("bob", "help")
    command[-2] = "alice@127.0.0.1"
    ran = await finished(command)
    assert ran.status == 255 and "Permission denied (publickey)" in ran.err
    assert [(r.person, r.reason) for r in await refusals(rig)] == [
        ("alice", "no key of this person was proven")
    ]


async def test_an_unknown_person_is_answered_like_a_wrong_key(rig: Rig) -> None:
    wrong, unknown = rig.ssh("bob", "help"), rig.ssh("bob", "help")
    wrong[-2], unknown[-2] = "alice@127.0.0.1", "mallory@127.0.0.1"
    one, two = await finished(wrong), await finished(unknown)
    assert one.err.replace("alice", "X") == two.err.replace("mallory", "X")


async def test_a_login_name_with_a_percent_in_it_gets_one_sentence(rig: Rig) -> None:
    command = rig.ssh("alice", "help")
    command[-2] = "alice%web-01@127.0.0.1"
    ran = await finished(command)
    assert ran.status == 255
    assert "refused: a login name is PERSON, or PERSON~DEVICE with a ~; it has no %" in ran.err


@pytest.mark.parametrize(
    ("name", "person", "device"),
    [
        ("alice", "alice", None),
        ("alice~web-01", "alice", "web-01"),
        ("alice~~web~01", "alice", "~web~01"),
        ("alice~", "alice", ""),
        ("~web-01", "", "web-01"),
    ],
)
def test_a_login_name_is_split_at_its_first_tilde(
    name: str, person: str, device: str | None
) -> None:
    assert parted(name) == (person, device)


async def test_a_login_for_a_device_is_its_persons_and_names_the_device(rig: Rig) -> None:
    command = rig.ssh("alice", "help")
    command[-2] = "alice~web-01@127.0.0.1"
    ran = await finished(command)
    assert (ran.status, ran.out) == (4, "")
    logins = [body for body in await rig.journal() if isinstance(body, Login)]
    assert [(login.person, login.device) for login in logins] == [("alice", "web-01")]


@pytest.mark.parametrize("name", ["Alice", "alice ", "../alice", "-x", "a" * 33, "é"])
async def test_names_of_another_form_have_no_keys(rig: Rig, name: str) -> None:
    command = [*rig.ssh("alice")[:-1], "-l", name, "127.0.0.1", "help"]
    assert (await finished(command)).status == 255


async def test_a_key_that_is_offered_but_not_proven_is_no_login(rig: Rig) -> None:
    """The public half is enough for the server to say that it would do; not for a login."""

    class Half(asyncssh.SSHKeyPair):
        """A key pair whose signature is no signature."""

        def __init__(self, public: asyncssh.SSHKey) -> None:
            super().__init__(
                b"ssh-ed25519", b"ssh-ed25519", [b"ssh-ed25519"], [], public.public_data, None
            )

        def sign(self, data: bytes) -> bytes:
            return asyncssh.packet.String(b"ssh-ed25519") + asyncssh.packet.String(b"\0" * 64)

    public = asyncssh.read_public_key(rig.keys / "alice.pub")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            "127.0.0.1", rig.port, username="alice", client_keys=[Half(public)],
            known_hosts=None, config=None, agent_path=None,
        )  # fmt: skip
    assert not [body for body in await rig.journal() if isinstance(body, Login)]
    assert [r.person for r in await refusals(rig)] == ["alice"]


async def test_passwords_and_questions_are_not_offered(rig: Rig) -> None:
    ran = await finished(
        [*rig.ssh("alice")[:-1], "-v", "-o", "PubkeyAuthentication=no", "alice@127.0.0.1"]
    )
    told = [line.strip() for line in ran.err.splitlines()]
    assert "debug1: Authentications that can continue: publickey" in told
    assert ran.status == 255


@pytest.mark.parametrize(
    "forward", [("-N", "-R", "0:127.0.0.1:1"), ("-W", "127.0.0.1:22"), ("-N", "-w", "0:0")]
)
async def test_nothing_is_forwarded(rig: Rig, forward: tuple[str, ...]) -> None:
    command = [
        *rig.ssh("alice")[:-1], "-o", "ExitOnForwardFailure=yes", *forward, "alice@127.0.0.1",
    ]  # fmt: skip
    assert (await finished(command)).status == 255


async def test_a_jump_through_the_broker_is_told_how_a_device_is_reached(rig: Rig) -> None:
    told = "administratively prohibited: nothing is forwarded; a device is reached as alice~NAME"
    ran = await finished([*rig.ssh("alice")[:-1], "-W", "127.0.0.1:22", "alice@127.0.0.1"])
    assert ran.status == 255 and told in ran.err
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="alice", client_keys=[str(rig.keys / "alice")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        with pytest.raises(asyncssh.ChannelOpenError, match="nothing is forwarded") as refused:
            await client.open_unix_connection("/run/socket")
        assert refused.value.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
        assert (await client.run("help")).exit_status == 0


async def test_agent_and_x11_are_not_forwarded(rig: Rig) -> None:
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="alice", client_keys=[str(rig.keys / "alice")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        with pytest.raises(asyncssh.ChannelOpenError):
            await client.create_session(
                asyncssh.SSHClientSession, "help", x11_forwarding=True, x11_display="x:0"
            )


async def test_of_the_environment_two_names_are_kept_and_each_is_bounded(rig: Rig) -> None:
    environment = {f"X{number}": "y" for number in range(2000)} | {"FIRELINE_COMMENT": "a" * 201}
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="alice", client_keys=[str(rig.keys / "alice")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        ran = await client.run("help", env=environment)
    assert ran.exit_status == 2
    assert ran.stderr == ("not understood: FIRELINE_COMMENT is longer than 200 characters\n")


async def test_a_key_taken_out_of_the_rules_cuts_the_connection_within_5_seconds(
    rig: Rig,
) -> None:
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="bob", client_keys=[str(rig.keys / "bob")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        process = await client.create_process()
        people = {name: key for name, key in rig.people.items() if name != "bob"}
        rules = "rules:\n- {name: r, people: [alice], role: basic, devices: all}\n"
        rig.write_access(people, rules)
        async with asyncio.timeout(5):
            assert "the access rules no longer know this key" in await process.stderr.read()
            await client.wait_closed()
    command = rig.ssh("bob", "help")
    assert (await finished(command)).status == 255


async def test_a_source_that_failed_waits_before_its_next_key_is_looked_at(rig: Rig) -> None:
    loop = asyncio.get_running_loop()
    command = rig.ssh("bob", "help")
    command[-2] = "alice@127.0.0.1"
    for _ in range(3):
        await finished(command)
    began = loop.time()
    assert (await rig.run("alice", "help")).status == 0
    assert loop.time() - began > 0.9


async def test_logins_under_way_are_bounded_and_the_client_is_told(rig: Rig) -> None:
    held = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(16)]
    try:
        for reader, _ in held:
            assert (await reader.readline()).startswith(b"SSH-2.0-Fireline")
        ran = await rig.run("alice", "help", options=("-v",))
        assert ran.status == 255
        assert "too many logins are under way from your address" in ran.err
    finally:
        for _, writer in held:
            writer.close()
            await writer.wait_closed()


def acknowledged_after_s(port: int) -> float:
    """How long a small packet of the key exchange stays unacknowledged, after the door has sent."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"SSH-2.0-test\r\n")
        seen = b""
        while b"curve25519-sha256" not in seen:
            seen += client.recv(65_536)
        client.sendall(b"\0")
        began = monotonic()
        while int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), "little"):
            pass
        return monotonic() - began


async def test_what_a_client_sends_while_it_logs_in_is_acknowledged_at_once(rig: Rig) -> None:
    """A stock client's next packet waits for it; a delayed acknowledgement takes 40 ms each time,
    whatever the load, so one prompt one is enough."""
    took = [await asyncio.to_thread(acknowledged_after_s, rig.port) for _ in range(5)]
    assert min(took) < 0.03
