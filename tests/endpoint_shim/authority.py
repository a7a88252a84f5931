"""A certificate authority for the shim's own tests, and a device enrolled with it."""

import datetime
import ipaddress
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from endpoint_shim import config, durable

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs doors and devices, with dates of the test's choice."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name("test devices")
        self._certificate = (
            _builder(name, self._key, 1)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def leaf(
        self, *, client: bool, days: int = 1, host: str = "127.0.0.1", key: bytes | None = None
    ) -> tuple[bytes, bytes]:
        """Key and certificate (PEM) of a door, or of the device `d1`."""
        own = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = (
            [x509.UniformResourceIdentifier("fireline:device:d1")] if client else [_host(host)]
        )
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        certificate = (
            _builder(_name("leaf"), own, days)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _key_pem(own), certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, data: bytes) -> bytes:
        """By the CA's own key, as the broker signs release tokens."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))

    def enrol(self, state: Path, dial: str, *, days: int = 1) -> Path:
        """A state folder as enrolment leaves it."""
        state.mkdir(mode=0o700)
        key, certificate = self.leaf(client=True, days=days)
        durable.save(state / config.KEY, key)
        durable.save(state / config.CERTIFICATE, certificate)
        durable.save(state / config.CA, self.pem)
        identity = config.Identity("d1", "web-01", [dial])
        durable.save(state / config.IDENTITY, msgspec.json.encode(identity))
        return state


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * DAY)
        .not_valid_after(now + days * DAY)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
