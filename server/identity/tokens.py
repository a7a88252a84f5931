"""Enrolment tokens on the broker's side: making them and comparing them; the store keeps them.

At rest there is only a token's hash: who reads the store cannot enrol with it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from commands.language.enrolment import Token, format_token


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made: `text` is printed once and kept nowhere, `hash` goes to the store."""

    text: str
    hash: str

    def __repr__(self) -> str:
        return f"NewToken(hash={self.hash!r})"


def make_token(url: str, ca_sha256: str) -> NewToken:
    """A fresh token for the enrolment port at `url` of the CA whose key has this digest."""
    secret = secrets.token_urlsafe(32)
    return NewToken(format_token(Token(url, ca_sha256, secret)), hash_secret(secret))


def hash_secret(secret: str) -> str:
    """What the store keeps. The secret is 256 random bits, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()


def same_hash(one: str, other: str) -> bool:
    """Whether two hashes are equal, in constant time."""
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))
