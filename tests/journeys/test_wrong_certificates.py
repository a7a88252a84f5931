"""The real device door against wrong certificates: nobody is let in, nothing is listened to.

What fails in TLS the broker's log says; what got past TLS stands in its journal. The rig is trusted
because the broker in `broken/`, broken on purpose, fails it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from server.config import load
from server.identity.device_ca import CERT_FILE, DOOR_FILE, KEY_FILE, DeviceCA, load_ca
from tests.identity.certificates import CLIENT, DAY, Authority
from tests.journeys.rig import House
from tests.journeys.scripted import Scripted, until

pytestmark = [pytest.mark.needs("ssh-keygen", "openssl")]

LINE = (
    b"GET /control HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
IN_TLS, ANYWHERE = "", "in TLS or the journal"
BROKEN = Path(__file__).parent / "broken" / "trusts_certificates.py"
LET_IN = ("none", "of two devices", "never issued", "revoked", "for no use")
"""Those that the broken broker listens to."""


def _uri(text: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(text)]


NAMES: dict[str, Callable[[str], list[x509.GeneralName] | None]] = {
    "without names": lambda right: None,
    "of a host": lambda right: [x509.DNSName("right-01")],
    "of a mailbox": lambda right: [x509.RFC822Name("right-01@example.com")],
    "of an address": lambda right: [x509.IPAddress(ip_address("127.0.0.1"))],
    "of an empty id": lambda right: _uri("fireline:device:"),
    "in capitals": lambda right: _uri(right.upper()),
    "with a path": lambda right: _uri(f"{right}/x"),
    "with a blank": lambda right: _uri(f"{right} "),
    "with a NUL": lambda right: _uri(f"{right}\0"),
    "with a line": lambda right: _uri(f"{right}\n"),
    "of a folder": lambda right: _uri("fireline:device:../../etc"),
    "of another kind": lambda right: _uri("fireline:broker:1"),
    "of another scheme": lambda right: _uri(f"https://{right}"),
}
MISNAMED = [
    *NAMES, "for no use", "for code", "of an authority", "expired a second ago",
    "valid in two minutes",
]  # fmt: skip


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
            case "below a device":
                return self._below_a_device()
            case _ if which in MISNAMED:
                return self._misnamed(which)
            case _:
                whole = self.folder / "revoked.pem"
                files = (self.revoked.state / "key.pem", self.revoked.state / "device.pem")
                whole.write_bytes(b"".join(file.read_bytes() for file in files))
                return whole
        return leaf.write(self.folder / "wrong.pem")

    def _misnamed(self, which: str) -> Path:
        """A leaf of the right CA, right but for the names or the uses in it."""
        right = next(n.value for n in self.names if isinstance(n, x509.UniformResourceIdentifier))
        purposes = {"for no use": None, "for code": (ExtendedKeyUsageOID.CODE_SIGNING,)}
        leaf = self.authority.leaf(
            NAMES[which](right) if which in NAMES else self.names,
            purposes=purposes.get(which, CLIENT),
            ca=which == "of an authority",
            start=timedelta(minutes=2) if which == "valid in two minutes" else -DAY,
            end=timedelta(seconds=-1) if which == "expired a second ago" else DAY,
        )
        return leaf.write(self.folder / "misnamed.pem")

    def _below_a_device(self) -> Path:
        """Signed by a device's own key, its certificate beside it."""
        key = load_pem_private_key((self.device.state / "key.pem").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        device = (self.device.state / "device.pem").read_bytes()
        made = Authority.__new__(Authority)
        made.folder, made.key = self.folder, key
        made.ca = DeviceCA(key, x509.load_pem_x509_certificate(device))
        whole = made.leaf(self.names).write(self.folder / "below.pem")
        whole.write_bytes(whole.read_bytes() + device)
        return whole

    async def heard(self, certificate: "Path | None") -> bytes:
        """What the door says to `openssl s_client` and a whole opening of a line."""
        place = f"127.0.0.1:{load(self.house.home).device_port}"
        words = ["s_client", "-connect", place, "-quiet", "-CAfile", self.device.state / "ca.pem"]
        if certificate is not None:
            words += ["-cert", certificate, "-key", certificate, "-cert_chain", certificate]
        client = await asyncio.create_subprocess_exec(
            "openssl", *map(str, words),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert client.stdin is not None and client.stdout is not None
        with contextlib.suppress(ConnectionError):
            client.stdin.write(LINE)
            await client.stdin.drain()
        try:
            async with asyncio.timeout(10):
                return await client.stdout.read(65_536)
        finally:
            with contextlib.suppress(ProcessLookupError):
                client.kill()
            await client.communicate()


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


WRONG = {
    "none": IN_TLS,
    "self-signed": IN_TLS,
    "of another CA": IN_TLS,
    "expired": IN_TLS,
    "not yet valid": IN_TLS,
    "for a server": IN_TLS,
    "the door's own": IN_TLS,
    "of a person": "names no device",
    "of two devices": "names no device",
    "never issued": "not valid here",
    "revoked": "not valid here",
    "below a device": IN_TLS,
    **dict.fromkeys(MISNAMED, ANYWHERE),
}
"""Where each is refused, or what the journal says then."""


@pytest.mark.parametrize("which", WRONG)
async def test_a_wrong_certificate_opens_no_line(wrong: Wrong, which: str) -> None:
    await opens_no_line(wrong, which)


async def opens_no_line(wrong: Wrong, which: str) -> None:
    house, journal = wrong.house, WRONG[which]
    log = house.state / "broker.log"
    before, logged = len(house.records()), log.stat().st_size
    heard = await wrong.heard(wrong.certificate(which))
    assert heard == b"" or heard.startswith(b"HTTP/1.1 403"), heard
    if journal == ANYWHERE:
        await until(
            lambda: (
                len(house.records()) > before or b"no handshake with" in log.read_bytes()[logged:]
            )
        )
        assert {r["kind"] for r in house.records()[before:]} <= {"line_refused"}
    elif journal == IN_TLS:
        assert heard == b"" and len(house.records()) == before
        await until(lambda: b"no handshake with" in log.read_bytes()[logged:], 5)
    else:
        await until(lambda: len(house.records()) > before, 5)
        refused = house.records()[before:]
        assert [r["kind"] for r in refused] == ["line_refused"], refused
        assert journal in refused[0]["reason"]


async def test_the_right_certificate_opens_one(wrong: Wrong) -> None:
    async with wrong.device.online():
        await until(lambda: wrong.house.online("right-01"))


async def test_a_broker_that_trusts_what_is_signed_is_caught(tmp_path: Path) -> None:
    with House(tmp_path / "house", program=[str(BROKEN)]) as house:
        wrong = Wrong(house, tmp_path)
        for which in LET_IN:
            with pytest.raises(AssertionError, match=r"HTTP/1\.1"):
                await opens_no_line(wrong, which)
