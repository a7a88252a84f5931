"""The public keys of people, as one OpenSSH line each; certificates and options are refused."""

import base64
import binascii
from dataclasses import dataclass

import asyncssh

ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
LONGEST = 8192
SMALLEST_RSA = 3072


class BadKey(ValueError):
    """The line is no public key that may log in; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A public key. `text` is its type and base64 alone: no options, no comment."""

    text: str
    fingerprint: str
    comment: str


def read_key(line: str) -> PersonKey:
    """The key of one line `TYPE BASE64 [COMMENT]`."""
    words = line.split(None, 2)
    if len(line) > LONGEST or len(words) < 2 or "\n" in line.strip():
        raise BadKey("a public key is one line: its type, its base64, a comment")
    algorithm, body = words[0], words[1]
    if "-cert-v01@" in algorithm or algorithm.startswith("cert-authority"):
        raise BadKey(
            "this is a certificate; give the plain key, or its CA in certificate_authorities"
        )
    if algorithm not in ALGORITHMS:
        raise BadKey(
            f"{algorithm[:40]} is no key type taken here; make one with ssh-keygen -t ed25519"
        )
    key = _import(algorithm, body)
    comment = words[2].strip() if len(words) == 3 else ""
    return PersonKey(f"{algorithm} {body}", key.get_fingerprint("sha256"), comment[:200])


def read_blob(blob: bytes) -> PersonKey:
    """The key of its binary form, within the same bounds."""
    length = int.from_bytes(blob[:4], "big")
    algorithm = blob[4 : 4 + length].decode("ascii", "replace")
    return read_key(f"{algorithm} {base64.b64encode(blob).decode('ascii')}")


def _import(algorithm: str, body: str) -> asyncssh.SSHKey:
    try:
        blob = base64.b64decode(body, validate=True)
        key = asyncssh.import_public_key(f"{algorithm} {body}")
    except (binascii.Error, asyncssh.KeyImportError, ValueError, OverflowError):
        raise BadKey("the public key's base64 is damaged; copy the whole .pub line") from None
    # What is compared at login is the blob: it must be exactly this key and nothing more.
    if key.get_algorithm() != algorithm or key.public_data != blob:
        raise BadKey("the public key's base64 holds something else than its type says")
    if algorithm == "ssh-rsa" and (bits := _rsa_bits(blob)) < SMALLEST_RSA:
        raise BadKey(f"an RSA key of {bits} bits is too short; {SMALLEST_RSA} are needed")
    return key


def _rsa_bits(blob: bytes) -> int:
    """The modulus's length: the third string of the blob (RFC 4253, section 6.6)."""
    at, part = 0, b""
    for _ in range(3):
        length = int.from_bytes(blob[at : at + 4], "big")
        part = blob[at + 4 : at + 4 + length]
        at += 4 + length
    return int.from_bytes(part, "big").bit_length()
