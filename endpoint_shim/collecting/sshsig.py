"""A signature of the device's key in OpenSSH's form (PROTOCOL.sshsig), for `ssh-keygen -Y verify`.

The key is the one that the device enrolled with, P-256; nothing but a package's manifest is signed
in this form, and its namespace says so.
"""

import base64
import hashlib
import textwrap
from pathlib import Path

from commands.language.errors import Failed

NAMESPACE = "fireline-package"
CURVE = b"nistp256"
KIND = b"ecdsa-sha2-" + CURVE
MAGIC = b"SSHSIG"
HASH = b"sha512"


def sign(key: Path, message: bytes) -> bytes:
    """The armoured signature."""
    # On demand: an idle worker must not hold cryptography.
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise Failed(f"{key} is no key of a device; enrol this device again")
    point = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    namespace = NAMESPACE.encode()
    digest = hashlib.sha512(message).digest()
    signed = MAGIC + b"".join(map(_text, (namespace, b"", HASH, digest)))
    r, s = utils.decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
    public = b"".join(map(_text, (KIND, CURVE, point)))
    signature = _text(KIND) + _text(_number(r) + _number(s))
    whole = MAGIC + (1).to_bytes(4, "big")
    whole += b"".join(map(_text, (public, namespace, b"", HASH, signature)))
    lines = textwrap.wrap(base64.b64encode(whole).decode("ascii"), 70)
    return "\n".join(
        ["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]
    ).encode()


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _number(value: int) -> bytes:
    """RFC 4251, section 5: mpint, with a zero before a number whose first bit is set."""
    return _text(value.to_bytes(value.bit_length() // 8 + 1, "big"))
