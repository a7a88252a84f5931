"""The device's key, made here and never sent; and its identity, saved whole or not at all."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from commands.language.enrolment import EnrolAnswer
from commands.language.errors import Refused
from endpoint_shim import config, durable, private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec


def make_request(name: str) -> tuple[bytes, str]:
    """A new P-256 key (PEM) and a request signed with it."""
    # On demand: the idle supervisor must not hold cryptography.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, _signed_request(name, key)


def request_again(settings: config.Config) -> str:
    """A request signed with the key that this device has."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_private_key(settings.key.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Refused(f"{settings.key} is no key of a device; enrol this device again")
    return _signed_request(settings.identity.name, key)


def _signed_request(name: str, key: "ec.EllipticCurvePrivateKey") -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()


def install(settings: config.Config, certificate_pem: str) -> None:
    """A further certificate, once it is known to be for this device's key; else Refused."""
    beside = settings.certificate.with_name(f"{config.CERTIFICATE}.offered")
    durable.save(beside, certificate_pem.encode())
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(beside, settings.key)
    except (OSError, ssl.SSLError) as error:
        beside.unlink()
        raise Refused(f"the certificate offered is not for this device's key ({error})") from None
    beside.replace(settings.certificate)
    durable.sync_folder(settings.state)


def prepare(state: Path) -> None:
    """Makes the state folder private; refuses one that holds an identity already."""
    state.parent.mkdir(parents=True, exist_ok=True)
    private.keep_folder(state)
    durable.refuse_unless_private(state)
    if (state / config.IDENTITY).exists():
        raise Refused(f"{state} holds an identity already; move it away to enrol anew")


def save(state: Path, key: bytes, answer: EnrolAnswer, enrolment: str) -> None:
    """The identity file comes last: without it nothing of this counts."""
    identity = config.Identity(answer.device_id, answer.name, answer.dial, enrolment)
    durable.save(state / config.KEY, key)
    durable.save(state / config.CERTIFICATE, answer.certificate_pem.encode())
    durable.save(state / config.CA, answer.ca_pem.encode())
    durable.save(state / config.IDENTITY, msgspec.json.encode(identity))
