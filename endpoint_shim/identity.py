"""The device's key, made here and never sent; and its identity, saved whole or not at all."""

from pathlib import Path

import msgspec

from commands.language.enrolment import EnrolAnswer
from commands.language.errors import Refused
from endpoint_shim import config, durable


def make_request(name: str) -> tuple[bytes, str]:
    """A new P-256 key (PEM) and a request signed with it."""
    # On demand: the idle supervisor must not hold cryptography.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, request.public_bytes(serialization.Encoding.PEM).decode()


def prepare(state: Path) -> None:
    """Makes the state folder private; refuses one that holds an identity already."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.refuse_unless_private(state)
    if (state / config.IDENTITY).exists():
        raise Refused(f"{state} holds an identity already; move it away to enrol anew")


def save(state: Path, key: bytes, answer: EnrolAnswer) -> None:
    """The identity file comes last: without it nothing of this counts."""
    identity = config.Identity(answer.device_id, answer.name, answer.dial)
    durable.save(state / config.KEY, key)
    durable.save(state / config.CERTIFICATE, answer.certificate_pem.encode())
    durable.save(state / config.CA, answer.ca_pem.encode())
    durable.save(state / config.IDENTITY, msgspec.json.encode(identity))
