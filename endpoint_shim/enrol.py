"""Enrolment: a token buys this device its identity; the CA's key is pinned before anything is said.

The rules are those of commands/language/enrolment.py: the CA's certificate is fetched in the
clear, counts only when its key is the token's, and TLS then trusts that one CA and checks the
host's name. Nothing here is ever switched off.
"""

import asyncio
import contextlib
import hashlib
import hmac
import ssl
import sys
from pathlib import Path

from commands.language.enrolment import (
    CA_ASK,
    CA_LIMIT,
    LONGEST_TOKEN,
    MESSAGE_LIMIT,
    EnrolAnswer,
    EnrolRefused,
    EnrolRequest,
    RenewRequest,
    Request,
    Token,
    decode_answer,
    encode,
    enrolment_place,
    parse_token,
)
from commands.language.errors import Failed, Refused, Unreachable
from endpoint_shim import VERSION, config, identity
from endpoint_shim.dial import clock_words, reason, target
from endpoint_shim.proxy import Proxy

CONNECT_S = 10.0
EXCHANGE_S = 30.0


def read_token(place: str) -> Token:
    """The token in a file, or on standard input for `-`; never from argv, which others can see."""
    if place == "-":
        return parse_token(sys.stdin.read(LONGEST_TOKEN + 2))
    with Path(place).open(encoding="utf-8", errors="replace") as file:
        return parse_token(file.read(LONGEST_TOKEN + 2))


def enroll(state: Path, token: Token, name: str) -> EnrolAnswer:
    """Takes the identity and saves it; raises with the broker's reason otherwise."""
    identity.prepare(state)
    key, request = identity.make_request(name)
    asked = EnrolRequest(
        secret=token.secret,
        csr_pem=request,
        name=name,
        platform="windows" if sys.platform == "win32" else "linux",
        version=VERSION,
    )
    answer = asyncio.run(exchange(token, asked, config.proxy_before(state)))
    if isinstance(answer, EnrolRefused):
        raise Refused(f"{name} was not enrolled: {answer.message}")
    _pinned(answer.ca_pem, token)
    identity.save(state, key, answer, token.url)
    return answer


def renew(settings: config.Config) -> None:
    """One more certificate for this device's key, where the last one ran out."""
    name, url = settings.identity.name, settings.identity.enrolment
    if not url:
        raise Failed(f"{name} does not know where it enrolled; enrol it again with a token")
    asked = RenewRequest(
        certificate_pem=settings.certificate.read_text("ascii"),
        csr_pem=identity.request_again(settings),
    )
    answer = asyncio.run(
        _asked(url, settings.ca.read_text("ascii"), asked, settings.proxy, settings.state)
    )
    if isinstance(answer, EnrolRefused):
        raise Refused(f"{name} was not renewed: {answer.message}")
    identity.install(settings, answer.certificate_pem)


async def exchange(
    token: Token, asked: EnrolRequest, by: Proxy | None = None
) -> EnrolAnswer | EnrolRefused:
    """One question and its answer, over TLS that trusts the pinned CA alone."""
    host, port = enrolment_place(token.url)
    try:
        async with asyncio.timeout(CONNECT_S):
            ca = await _fetch_ca(host, port, by)
    except TimeoutError:
        raise Unreachable(f"the broker at {token.url} does not answer in time") from None
    except OSError as error:
        raise Unreachable(f"the broker at {token.url}: {reason(error)}") from None
    return await _asked(token.url, _pinned(ca, token), asked, by)


async def _asked(
    url: str, ca: str, asked: Request, by: Proxy | None, state: Path | None = None
) -> EnrolAnswer | EnrolRefused:
    host, port = enrolment_place(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=ca)
    try:
        async with asyncio.timeout(EXCHANGE_S):
            reader, writer = await asyncio.open_connection(
                **await target(by, host, port, state),
                ssl=context,
                server_hostname=host,
                limit=MESSAGE_LIMIT,
            )
            try:
                writer.write(encode(asked))
                await writer.drain()
                return decode_answer(await reader.readuntil(b"\n"))
            finally:
                writer.close()
                with contextlib.suppress(OSError):  # what was said is said
                    await writer.wait_closed()
    except TimeoutError:
        raise Unreachable(f"the broker at {url} does not answer in time") from None
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise Unreachable(f"the broker at {url} gave no whole answer") from None
    except OSError as error:
        words = f"{reason(error)}{clock_words(error, context)}"
        raise Unreachable(f"the broker at {url}: {words}") from None


async def _fetch_ca(host: str, port: int, by: Proxy | None) -> str:
    reader, writer = await asyncio.open_connection(**await target(by, host, port), limit=CA_LIMIT)
    try:
        writer.write(CA_ASK)
        await writer.drain()
        data = await reader.read(CA_LIMIT)
        while len(data) < CA_LIMIT and (piece := await reader.read(CA_LIMIT - len(data))):
            data += piece
    finally:
        writer.close()
        with contextlib.suppress(OSError):  # what was said is said
            await writer.wait_closed()
    return data.decode("ascii", "replace")


def _pinned(pem: str, token: Token) -> str:
    """The one certificate in `pem`, if its key is the token's; nothing else is ever trusted."""
    # On demand: the idle supervisor must not hold cryptography.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        found = x509.load_pem_x509_certificate(pem.encode("ascii"))
    except ValueError:
        raise Refused(
            f"what answers at {token.url} gives no CA; is it a Fireline broker?"
        ) from None
    public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if not hmac.compare_digest(hashlib.sha256(public).hexdigest(), token.ca):
        raise Refused(
            f"what answers at {token.url} is not the broker that made the token (its CA's key "
            "is another); nothing was sent"
        )
    return found.public_bytes(Encoding.PEM).decode()
