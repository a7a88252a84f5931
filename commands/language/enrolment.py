"""How a device gets its identity: the token a person carries, and the one exchange it pays for.

1. A token is one word: `fl1.` and the base64url of {"url", "ca", "secret"}. It comes from a file
   or standard input, never from argv.
2. The device first asks the enrolment port *in the clear* for the CA's certificate: it sends
   `CA_ASK` and reads PEM to the end, at most `CA_LIMIT` bytes. Only when the SHA-256 of that
   certificate's SubjectPublicKeyInfo is the token's `ca` does it trust the CA, and then connects
   again by TLS 1.3 with full verification. Nothing secret leaves the device before that.
3. Inside TLS: one EnrolRequest (or RenewRequest, of a device whose certificate ran out), one
   EnrolAnswer or EnrolRefused, each at most `MESSAGE_LIMIT` bytes of JSON, ended by the sender's
   line feed.
"""

import base64
import binascii
import re
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from commands.language.errors import NotUnderstood

PREFIX = "fl1."
LONGEST_TOKEN = 2048
CA_ASK = b"fireline ca\n"
CA_LIMIT = 16 * 1024
MESSAGE_LIMIT = 64 * 1024

DEVICE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z"

DeviceName = Annotated[str, Meta(pattern=DEVICE_NAME, max_length=63)]
DeviceId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z", max_length=64)]
Pem = Annotated[str, Meta(min_length=1, max_length=16 * 1024)]
Url = Annotated[str, Meta(min_length=1, max_length=512)]
Secret = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{32,128}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Word = Annotated[str, Meta(min_length=1, max_length=64)]


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says: where to enrol, whose key to expect there, and the secret."""

    url: Url
    ca: Sha256
    secret: Secret

    def __repr__(self) -> str:
        return f"Token(url={self.url!r}, ca={self.ca!r})"


class EnrolRequest(msgspec.Struct, frozen=True, tag_field="m", tag="enrol", kw_only=True):
    """The device asks for a certificate; of the request only its key and signature count."""

    secret: Secret
    csr_pem: Pem
    name: DeviceName
    platform: Annotated[str, Meta(pattern=r"^(linux|windows)\Z")]
    version: Word

    def __repr__(self) -> str:
        return f"EnrolRequest(name={self.name!r}, platform={self.platform!r})"


class RenewRequest(msgspec.Struct, frozen=True, tag_field="m", tag="renew", kw_only=True):
    """An enrolled device asks for one more certificate: it shows its last, and signs."""

    certificate_pem: Pem
    csr_pem: Pem


class EnrolAnswer(
    msgspec.Struct,
    frozen=True,
    tag_field="m",
    tag="enrolled",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """The device's identity, and the only places (`host:port`) it will ever dial."""

    device_id: DeviceId
    name: DeviceName
    certificate_pem: Pem
    ca_pem: Pem
    dial: Annotated[list[Url], Meta(min_length=1, max_length=16)]


class EnrolRefused(
    msgspec.Struct,
    frozen=True,
    tag_field="m",
    tag="refused",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """Why not, in one sentence."""

    code: Word
    message: Annotated[str, Meta(max_length=500)]


_Message = TypeVar("_Message")

Request = EnrolRequest | RenewRequest
_REQUEST: "msgspec.json.Decoder[Request]" = msgspec.json.Decoder(Request)
_ANSWER: "msgspec.json.Decoder[EnrolAnswer | EnrolRefused]" = msgspec.json.Decoder(
    EnrolAnswer | EnrolRefused
)
_TOKEN = msgspec.json.Decoder(Token)


def encode(message: Request | EnrolAnswer | EnrolRefused) -> bytes:
    """A message as its line."""
    return msgspec.json.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """What a device asks; NotUnderstood for anything else."""
    return _bounded(_REQUEST, line)


def decode_answer(line: bytes) -> EnrolAnswer | EnrolRefused:
    """What the broker answers; NotUnderstood for anything else."""
    return _bounded(_ANSWER, line)


def format_token(token: Token) -> str:
    """The token as one printable word."""
    enrolment_place(token.url)
    return PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def parse_token(text: str) -> Token:
    """The token of a word; blanks around it are forgiven, nothing else is."""
    word = text.strip()
    if not word.startswith(PREFIX) or len(word) > LONGEST_TOKEN or not word.isascii():
        raise NotUnderstood("this is no enrolment token; fireline token new prints one")
    body = word[len(PREFIX) :]
    try:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", body):
            raise ValueError
        token = _TOKEN.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        enrolment_place(token.url)
    except (binascii.Error, ValueError, msgspec.DecodeError, NotUnderstood):
        # Nothing of the text is repeated here: it holds a secret.
        raise NotUnderstood("the enrolment token is damaged; copy the whole line again") from None
    return token


def written_place(host: str, port: int) -> str:
    """`HOST:PORT`, an address of version 6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def enrolment_place(url: str) -> tuple[str, int]:
    """Host and port of `https://HOST:PORT`, the only form a token's URL has."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None or parts.scheme != "https" or parts.path or parts.username:
        raise NotUnderstood("an enrolment URL is https://HOST:PORT and nothing more")
    if parts.query or parts.fragment or not 0 < port < 65536 or re.search(r"[\s\x00-\x1f]", url):
        raise NotUnderstood("an enrolment URL is https://HOST:PORT and nothing more")
    return host, port


def _bounded(decoder: "msgspec.json.Decoder[_Message]", line: bytes) -> _Message:
    if len(line) > MESSAGE_LIMIT:
        raise NotUnderstood(f"an enrolment message is longer than {MESSAGE_LIMIT:,} bytes")
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # msgspec's own sentence may quote a value; a secret stands among them.
        raise NotUnderstood("the enrolment message is malformed") from None
