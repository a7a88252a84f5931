"""The device door against openssl: one right certificate, and every wrong one.

The server is the door's shape: TLS first, then who it is, and only then a byte is exchanged.
"""

import asyncio
import contextlib
import datetime
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from server.identity.device_ca import DeviceCA
from server.identity.leaf import NotADevice, device_id_of
from server.identity.private_files import NotPrivate
from server.identity.tls import device_door_context, enrolment_context
from tests.identity.certificates import DAY, Authority, Leaf

URI = x509.UniformResourceIdentifier
RIGHT: list[x509.GeneralName] = [URI("fireline:device:d-1")]


@dataclass
class Door:
    """A listening door; `admitted` holds the devices that got past it."""

    port: int
    ca_file: Path
    admitted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self.enter)

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        try:
            device = device_id_of(tls.getpeercert(binary_form=True))
        except NotADevice as error:
            self.refused.append(str(error))
        else:
            self.admitted.append(device)
            writer.write(f"hello {device}\n".encode())
        writer.close()


async def accepting(door: Door, listener: socket.socket, context: ssl.SSLContext) -> None:
    """Accept first, then TLS (design.md section 4): so the door learns why a handshake failed."""
    loop = asyncio.get_running_loop()
    while True:
        accepted, _ = await loop.sock_accept(listener)
        try:
            await loop.connect_accepted_socket(
                door.protocol, accepted, ssl=context, ssl_handshake_timeout=5
            )
        except (ssl.SSLError, ConnectionError) as error:
            door.refused.append(str(error))
            accepted.close()


async def listening(context: ssl.SSLContext, folder: Path, ca: DeviceCA) -> AsyncIterator[Door]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        door = Door(listener.getsockname()[1], folder / "ca.pem")
        door.ca_file.write_text(ca.pem)
        task = asyncio.create_task(accepting(door, listener, context))
        yield door
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def door(authority: Authority, tmp_path: Path) -> AsyncIterator[Door]:
    file = authority.ca.make_door(tmp_path, ["localhost", "127.0.0.1"])
    async for door in listening(device_door_context(authority.ca, file), tmp_path, authority.ca):
        yield door


@pytest.fixture
async def enrolment(authority: Authority, tmp_path: Path) -> AsyncIterator[Door]:
    file = authority.ca.make_door(tmp_path, ["127.0.0.1"])
    async for door in listening(enrolment_context(file), tmp_path, authority.ca):
        yield door


async def s_client(door: Door, *options: str) -> tuple[str, str]:
    """What openssl's own client reads from the door, and what it says of it."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{door.port}",
        "-quiet",
        "-CAfile",
        str(door.ca_file),
        "-verify_return_error",
        "-verify_ip",
        "127.0.0.1",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    async with asyncio.timeout(30):
        # Its input stays open until the door has said all: it would leave at the end of input.
        read, said = await asyncio.gather(process.stdout.read(), process.stderr.read())
        process.stdin.close()
        await process.wait()
    return read.decode(), said.decode()


Wrong = Callable[[Authority, Path], Leaf | None]
OURS, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
SECOND = datetime.timedelta(seconds=1)
WRONG: dict[str, tuple[Wrong, str]] = {
    "expired": (lambda ca, _: ca.leaf(RIGHT, start=-2 * DAY, end=-DAY), "has expired"),
    "expired a second ago": (lambda ca, _: ca.leaf(RIGHT, end=-SECOND), "has expired"),
    "not yet valid": (lambda ca, _: ca.leaf(RIGHT, start=DAY, end=2 * DAY), "not yet valid"),
    "of another CA": (lambda _, other: Authority(other).leaf(RIGHT), "unable to get local issuer"),
    "self-signed": (lambda ca, _: ca.leaf(RIGHT, self_signed=True), "self-signed"),
    "a server's": (lambda ca, _: ca.leaf(RIGHT, purposes=[SERVER]), "unsuitable certificate pur"),
    "none": (lambda _, __: None, "peer did not return a certificate"),
    "a person's": (lambda ca, _: ca.leaf([x509.RFC822Name("a@example.org")]), "names no device"),
    "of a wrong URI": (lambda ca, _: ca.leaf([URI("fireline:person:alice")]), "names no device"),
    "without names": (lambda ca, _: ca.leaf(None), "lacks what a device's has"),
    "of two devices": (
        lambda ca, _: ca.leaf([*RIGHT, URI("fireline:device:d-2")]),
        "names no device",
    ),
    "a device's and a server's": (
        lambda ca, _: ca.leaf(RIGHT, purposes=[OURS, SERVER]),
        "not for a device's own connection",
    ),
    "an authority's": (lambda ca, _: ca.leaf(RIGHT, ca=True), "CA cert does not include key usage"),
}


@pytest.mark.needs("openssl")
async def test_a_device_s_certificate_passes(
    door: Door, authority: Authority, tmp_path: Path
) -> None:
    file = authority.leaf(RIGHT).write(tmp_path / "leaf.pem")
    read, _ = await s_client(door, "-cert", str(file), "-key", str(file))
    assert read == "hello d-1\n"
    assert door.admitted == ["d-1"]


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_certificate_never_passes(
    door: Door, authority: Authority, tmp_path: Path, wrong: str
) -> None:
    (tmp_path / "other").mkdir()
    make, why = WRONG[wrong]
    leaf = make(authority, tmp_path / "other")
    options: tuple[str, ...] = ()
    if leaf is not None:
        file = str(leaf.write(tmp_path / "leaf.pem"))
        options = ("-cert", file, "-key", file)
    read, _ = await s_client(door, *options)
    assert (read, door.admitted) == ("", [])
    assert len(door.refused) == 1
    assert re.search(why, door.refused[0])


@pytest.mark.needs("openssl")
async def test_older_tls_is_refused(door: Door, authority: Authority, tmp_path: Path) -> None:
    file = str(authority.leaf(RIGHT).write(tmp_path / "leaf.pem"))
    read, _ = await s_client(door, "-cert", file, "-key", file, "-tls1_2")
    assert (read, door.admitted) == ("", [])
    assert "unsupported protocol" in door.refused[0]


@pytest.mark.needs("openssl")
async def test_no_session_ticket_is_given(door: Door, authority: Authority, tmp_path: Path) -> None:
    file, session = str(authority.leaf(RIGHT).write(tmp_path / "leaf.pem")), tmp_path / "session"
    await s_client(door, "-cert", file, "-key", file, "-sess_out", str(session))
    assert door.admitted == ["d-1"]
    assert not session.exists() or not session.read_bytes()


@pytest.mark.needs("openssl")
async def test_a_client_that_pins_another_ca_or_name_says_no(
    door: Door, authority: Authority, tmp_path: Path
) -> None:
    file = str(authority.leaf(RIGHT).write(tmp_path / "leaf.pem"))
    (tmp_path / "other").mkdir()
    other = tmp_path / "other.pem"
    other.write_text(Authority(tmp_path / "other").ca.pem)
    for options in (("-CAfile", str(other)), ("-verify_ip", "127.0.0.2")):
        read, said = await s_client(door, "-cert", file, "-key", file, *options)
        assert read == ""
        assert "verify failed" in said
    assert door.admitted == []


async def test_python_s_own_client_passes_with_what_was_signed_for_its_request(
    door: Door, authority: Authority, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    issued = x509.load_pem_x509_certificate(authority.ca.sign_csr(csr, "d-1").pem.encode())
    context = ssl.create_default_context(cafile=door.ca_file)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    context.load_cert_chain(Leaf(issued, key).write(tmp_path / "leaf.pem"))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=context, server_hostname="127.0.0.1"
    )
    assert await reader.read() == b"hello d-1\n"
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    assert tls.version() == "TLSv1.3"
    writer.close()
    await writer.wait_closed()


@pytest.mark.needs("openssl")
async def test_the_enrolment_port_asks_for_no_certificate_and_shows_the_ca_s(
    enrolment: Door, authority: Authority
) -> None:
    _, said = await s_client(enrolment)
    assert enrolment.refused == ["no certificate was given; the device must be enrolled"]
    assert "alert" not in said


def test_a_door_key_that_others_can_read_is_refused(authority: Authority, tmp_path: Path) -> None:
    file = authority.ca.make_door(tmp_path, ["localhost"])
    file.chmod(0o640)
    with pytest.raises(NotPrivate):
        device_door_context(authority.ca, file)
    with pytest.raises(NotPrivate):
        enrolment_context(file)
