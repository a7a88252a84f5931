"""The token that ends one isolation on a device that cannot be reached.

1. The broker signs it with the key of the devices' CA, which the device pinned at its enrolment: so
   the device can check it with nobody to ask.
2. It is for one device, counts once there (its nonce is kept) and expires. It says nothing secret
   by itself; but who holds it, and is root on that device, can end the isolation.
3. One word: `flr1.`, the base64url of the JSON, a dot, the base64url of the signature (DER) over
   SIGNED and that JSON.
"""

import base64
import binascii
import re
from typing import Annotated

import msgspec
from msgspec import Meta

from commands.language.enrolment import DeviceId
from commands.language.errors import NotUnderstood

PREFIX = "flr1."
SIGNED = b"fireline release token 1\n"
LONGEST = 2048
MAX_HOURS = 24 * 30
_PARTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says."""

    device: DeviceId
    nonce: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22,64}\Z")]
    until_ms: Annotated[int, Meta(ge=0, le=2**53)]


def said(release: Release) -> bytes:
    """The bytes that are signed."""
    return SIGNED + msgspec.json.encode(release)


def written(release: Release, signature: bytes) -> str:
    """The token."""
    return f"{PREFIX}{_plain(msgspec.json.encode(release))}.{_plain(signature)}"


def parse(text: str) -> tuple[Release, bytes, bytes]:
    """What a token says, the bytes that were signed, and the signature; nothing is checked yet."""
    word = text.strip()
    body = word.removeprefix(PREFIX)
    if body == word or len(word) > LONGEST or not _PARTS.match(body):
        raise NotUnderstood("this is no release token; fireline devices release-token makes one")
    try:
        data, signature = (_bytes(part) for part in body.split("."))
        return msgspec.json.decode(data, type=Release), SIGNED + data, signature
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise NotUnderstood("the release token is damaged; copy the whole line again") from None


def _plain(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
