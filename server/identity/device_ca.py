"""The certificate authority of the devices: one P-256 key that signs devices and the broker's door.

1. The CA's key is private (0600, refused otherwise) and signs two kinds of leaf: a device's
   (clientAuth, URI `fireline:device:<id>`) and the door's (serverAuth, the broker's names). Beside
   them only release tokens, whose first bytes no certificate can have (release_token.py).
2. Of a device's request only the key counts, and that it signed: no name or extension is taken.
   A renewal is for the key of the certificate that it follows, never for another.
3. P-256 because every OpenSSL behind Python's `ssl`, on Linux and Windows, takes it in TLS 1.3.
"""

import datetime
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from commands.language.errors import Refused
from commands.language.release_token import Release, said, written
from server.identity.leaf import DeviceLeaf, device_uri, read_leaf, server_names
from server.identity.private_files import (
    NotPrivate,
    read_private,
    replace_private,
    write_private,
)

KEY_FILE = "device_ca.key"
CERT_FILE = "device_ca.pem"
DOOR_FILE = "device_door.pem"
LEAF_LIFE = datetime.timedelta(days=365)
CA_LIFE = datetime.timedelta(days=3650)
# A device whose clock is up to a day behind still accepts what was issued just now.
BACKDATE = datetime.timedelta(days=1)
LONGEST_CSR = 16 * 1024


class BadRequest(Refused):
    """A certificate request that is not signed for; the message says why."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate just signed. `serial` (hex) is what the broker's table of valid ones holds."""

    pem: str
    serial: str
    not_after: datetime.datetime


class DeviceCA:
    """The CA, loaded."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        life: datetime.timedelta = LEAF_LIFE,
    ) -> None:
        self._key = key
        self.life = life
        self.certificate = certificate
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
        self.pin = spki_sha256(certificate)

    def sign_csr(self, csr_pem: str, device_id: str) -> Issued:
        """A device's certificate, of a year as a rule, for the key that signed the request."""
        request = _read_csr(csr_pem)
        return self._issue(request.public_key(), device_id)

    def renew(self, leaf: DeviceLeaf) -> Issued:
        """One more for the same device and key; whoever asks has proved the key."""
        return self._issue(x509.load_der_x509_certificate(leaf.der).public_key(), leaf.device_id)

    def proved(self, certificate_pem: str, csr_pem: str) -> DeviceLeaf:
        """The device of a certificate of this CA, expired or not, whose key signed the request."""
        request = _read_csr(csr_pem)
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem.encode("utf-8"))
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
            raise BadRequest("the certificate to renew is none of this broker's") from None
        if certificate.public_key() != request.public_key():
            raise BadRequest("the request is not signed by the key of the certificate to renew")
        return read_leaf(certificate.public_bytes(serialization.Encoding.DER))

    def _issue(self, key: object, device_id: str) -> Issued:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise BadRequest("the certificate's key is not P-256")
        leaf = self._sign(
            key,
            device_id,
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(device_uri(device_id))]),
            ExtendedKeyUsageOID.CLIENT_AUTH,
            self.life,
        )
        pem = leaf.public_bytes(serialization.Encoding.PEM).decode("ascii")
        return Issued(pem, serial_hex(leaf.serial_number), leaf.not_valid_after_utc)

    def release_token(self, release: Release) -> str:
        """What a device that pinned this CA takes for its broker's word, with nobody to ask."""
        return written(release, self._key.sign(said(release), ec.ECDSA(hashes.SHA256())))

    def make_door(self, folder: Path, names: list[str]) -> Path:
        """A fresh key and certificate of the device door; names are host names and addresses.

        Made anew at each start: the door's certificate is never the reason that it is closed.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(
            key.public_key(),
            "fireline broker",
            x509.SubjectAlternativeName(server_names(names)),
            ExtendedKeyUsageOID.SERVER_AUTH,
            LEAF_LIFE,
        )
        chain = leaf.public_bytes(serialization.Encoding.PEM) + self.pem.encode("ascii")
        replace_private(folder / DOOR_FILE, _key_pem(key) + chain)
        return folder / DOOR_FILE

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        names: x509.SubjectAlternativeName,
        purpose: x509.ObjectIdentifier,
        life: datetime.timedelta,
    ) -> x509.Certificate:
        issuer = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.value)
        builder = (
            _builder(_name(common_name), key, life)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
            .add_extension(authority, critical=False)
            .add_extension(names, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


def create_ca(folder: Path) -> DeviceCA:
    """A new CA in `folder`; FileExistsError where there is one already."""
    key = ec.generate_private_key(ec.SECP256R1())
    # The name is unique, so that two brokers' CAs are never taken for each other.
    name = _name(f"Fireline devices {secrets.token_hex(8)}")
    certificate = (
        _builder(name, key.public_key(), CA_LIFE)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / KEY_FILE, _key_pem(key))
    write_private(folder / CERT_FILE, certificate.public_bytes(serialization.Encoding.PEM))
    return DeviceCA(key, certificate)


def load_ca(folder: Path, life: datetime.timedelta = LEAF_LIFE) -> DeviceCA:
    """The CA of `folder`; refused when its key is open to others or is not its certificate's."""
    try:
        key = serialization.load_pem_private_key(read_private(folder / KEY_FILE), password=None)
        certificate = x509.load_pem_x509_certificate(read_private(folder / CERT_FILE))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NotPrivate(
            f"{KEY_FILE} or {CERT_FILE} cannot be read; restore both from the backup"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != (
        certificate.public_key()
    ):
        raise NotPrivate(f"{KEY_FILE} is not the key of {CERT_FILE}; restore both together")
    return DeviceCA(key, certificate, life)


def spki_sha256(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's SubjectPublicKeyInfo: what a token pins."""
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(public).hexdigest()


def serial_hex(serial: int) -> str:
    """A serial number as it is stored and shown."""
    return f"{serial:x}"


def _read_csr(csr_pem: str) -> x509.CertificateSigningRequest:
    if len(csr_pem) > LONGEST_CSR:
        raise BadRequest(f"the certificate request is longer than {LONGEST_CSR:,} bytes")
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode("utf-8"))
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise BadRequest("the certificate request is malformed") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadRequest("the certificate request's key is not P-256")
    if not signed:
        raise BadRequest("the certificate request is not signed by its own key")
    return request


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())  # 159 random bits
        .not_valid_before(now - min(BACKDATE, life))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
