"""The real device door against wrong certificates: nobody is let in, nothing is listened to.

What fails in TLS the broker's log says; what got past TLS stands in its journal.
"""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from server.config import load
from server.identity.device_ca import CERT_FILE, DOOR_FILE, KEY_FILE, load_ca
from tests.identity.certificates import DAY, Authority
from tests.journeys.rig import House
from tests.journeys.scripted import Scripted, context, until

pytestmark = [pytest.mark.needs("ssh-keygen")]

LINE = (
    b"GET /control HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
IN_TLS, IN_JOURNAL = "", "in the journal"


class Wrong:
    """A house with one device, and its CA's key in the hand of the test."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder
        self.device = Scripted(house, "right-01")
        self.revoked = Scripted(house, "revoked-01")
        status, said = house.admin("revoke revoked-01")
        assert status == 0, said
        self.other = Authority(folder)
        self.authority = _authority(house.home)
        leaf = x509.load_pem_x509_certificate((self.device.state / "device.pem").read_bytes())
        self.names = list(
            leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )

    def certificate(self, which: str) -> "Path | None":
        """The certificate with its key, as one file."""
        made, names = self.authority, self.names
        match which:
            case "none":
                return None
            case "self-signed":
                leaf = made.leaf(names, self_signed=True)
            case "of another CA":
                leaf = self.other.leaf(names)
            case "expired":
                leaf = made.leaf(names, start=-2 * DAY, end=-DAY)
            case "not yet valid":
                leaf = made.leaf(names, start=DAY, end=2 * DAY)
            case "for a server":
                leaf = made.leaf(names, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,))
            case "the door's own":
                return self.house.home / DOOR_FILE
            case "of a person":
                leaf = made.leaf([x509.UniformResourceIdentifier("fireline:person:alice")])
            case "of two devices":
                leaf = made.leaf([*names, x509.UniformResourceIdentifier("fireline:device:d-2")])
            case "never issued":
                leaf = made.leaf(names)
            case _:
                whole = self.folder / "revoked.pem"
                files = (self.revoked.state / "key.pem", self.revoked.state / "device.pem")
                whole.write_bytes(b"".join(file.read_bytes() for file in files))
                return whole
        return leaf.write(self.folder / "wrong.pem")

    async def heard(self, certificate: "Path | None") -> bytes:
        """What the door says to a whole opening of a line."""
        made = context(self.device.state / "ca.pem", certificate)
        port = load(self.house.home).device_port
        heard = b""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=made)
            writer.write(LINE)
            async with asyncio.timeout(10):
                heard = await reader.read(65_536)
            writer.transport.abort()
        except (ssl.SSLError, ConnectionError):
            pass
        return heard


def _authority(folder: Path) -> Authority:
    authority = Authority.__new__(Authority)
    key = load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and (folder / CERT_FILE).exists()
    authority.folder, authority.ca, authority.key = folder, load_ca(folder), key
    return authority


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wrong]:
    with House(tmp_path_factory.mktemp("wrong") / "house") as house:
        yield Wrong(house, tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize(
    ("which", "journal"),
    [
        ("none", IN_TLS),
        ("self-signed", IN_TLS),
        ("of another CA", IN_TLS),
        ("expired", IN_TLS),
        ("not yet valid", IN_TLS),
        ("for a server", IN_TLS),
        ("the door's own", IN_TLS),
        ("of a person", "names no device"),
        ("of two devices", "names no device"),
        ("never issued", "not valid here"),
        ("revoked", "not valid here"),
    ],
)
async def test_a_wrong_certificate_opens_no_line(wrong: Wrong, which: str, journal: str) -> None:
    house = wrong.house
    before = len(house.records())
    heard = await wrong.heard(wrong.certificate(which))
    assert heard == b"" or heard.startswith(b"HTTP/1.1 403"), heard
    if journal == IN_TLS:
        assert heard == b"" and len(house.records()) == before
        await until(lambda: "no handshake with" in house.log("broker"), 5)
    else:
        await until(lambda: len(house.records()) > before, 5)
        refused = house.records()[before:]
        assert [r["kind"] for r in refused] == ["line_refused"], refused
        assert journal in refused[0]["reason"]


async def test_the_right_certificate_opens_one(wrong: Wrong) -> None:
    async with wrong.device.online():
        await until(lambda: wrong.house.online("right-01"))
