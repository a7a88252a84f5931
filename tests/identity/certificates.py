"""Certificates that are wrong in exactly one way, made with the CA's own real key."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.identity.device_ca import KEY_FILE, DeviceCA, create_ca

CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Leaf:
    """A certificate with its key, as one PEM."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, path: Path) -> Path:
        path.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self.certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path


class Authority:
    """A real device CA in a folder, and its key in the hand of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca: DeviceCA = create_ca(folder)
        key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key

    def leaf(
        self,
        names: Sequence[x509.GeneralName] | None,
        *,
        purposes: Sequence[x509.ObjectIdentifier] | None = CLIENT,
        ca: bool = False,
        start: datetime.timedelta = -DAY,
        end: datetime.timedelta = DAY,
        self_signed: bool = False,
    ) -> Leaf:
        """A leaf like a device's, but for what is asked."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        authority_key = x509.SubjectKeyIdentifier.from_public_key(
            key.public_key() if self_signed else self.key.public_key()
        )
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else self.ca.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start)
            .not_valid_after(now + end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_key),
                False,
            )
        )
        if purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
        if names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return Leaf(builder.sign(key if self_signed else self.key, hashes.SHA256()), key)
