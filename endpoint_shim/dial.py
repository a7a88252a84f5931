"""Opens one WebSocket to the broker: mutual TLS 1.3, only to a host pinned at enrolment."""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from commands.language.errors import Refused, Unreachable
from commands.language.framed import FramedSocket, SansIO
from commands.language.visible import visible
from endpoint_shim import facts, known_ways, proxy
from endpoint_shim.config import Config

CONTROL, STREAM = "/control", "/stream"
CONNECT_S = 10.0
HANDSHAKE_S = 5.0
PATIENT_S = 30.0
"""For a control line: after its restart a broker takes its devices one after the other, and who
gives up after 5 s and dials anew would go to the end of the queue, for ever."""
DATES = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED"""


class ClosedInOpening(OSError):
    """Before the answer to the request."""


class Unsaid(Unreachable):
    """The broker closed the line in its opening without a word: so its TLS does (asyncio sends no
    alert) where a certificate ran out, by the broker's clock."""


class Unanswered(Unreachable):
    """Nobody answered in time: the packets may have been lost."""


@dataclass(frozen=True)
class Way:
    """How the broker is reached: whom TLS trusts and shows, and the proxy between, if any."""

    tls: ssl.SSLContext
    proxy: "proxy.Proxy | None" = None
    state: Path | None = None
    """Where it stands how the broker is reached while names cannot be asked for."""


def way(config: Config) -> Way:
    return Way(tls(config), config.proxy, config.state)


def tls(config: Config) -> ssl.SSLContext:
    """Trusts the pinned CA alone, checks the host's name, shows the device's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(config.ca)
    context.load_cert_chain(config.certificate, config.key)
    return context


def place(dial: str) -> tuple[str, int]:
    """Host and port of an entry of the dial list."""
    host, _, port = dial.rpartition(":")
    return host.strip("[]"), int(port)


async def connect(
    way: Way,
    dial: str,
    path: str,
    max_size: int,
    *,
    patient: bool = False,
    limit: float = CONNECT_S,
    over: socket.socket | None = None,
) -> FramedSocket:
    """One open WebSocket, over a connection that is there or a new one; raises Unreachable with
    the reason. The other side speaks second."""
    host, port = place(dial)
    limit, handshake = (PATIENT_S, PATIENT_S) if patient else (limit, HANDSHAKE_S)
    protocol = ClientProtocol(
        parse_uri(f"wss://{dial}{path}"), extensions=None, max_size=max_size, logger=None
    )
    framed = FramedSocket(cast(SansIO, protocol))
    answered = _answer(framed, protocol)
    try:
        async with asyncio.timeout(limit):
            await asyncio.get_running_loop().create_connection(
                lambda: framed,
                **({"sock": over} if over else await target(way.proxy, host, port, way.state)),
                ssl=way.tls,
                server_hostname=host,
                ssl_handshake_timeout=handshake,
                ssl_shutdown_timeout=1.0,
            )
            _no_delay(framed)
            protocol.send_request(protocol.connect())
            framed.flush()
            await answered
    except TimeoutError:
        framed.abort("timed out")
        raise Unanswered(f"{dial} does not answer within {limit:g} s") from None
    except (OSError, Refused) as error:
        framed.abort("not connected")
        said = str(error)
        if isinstance(error, OSError):
            said = f"{reason(error)}{clock_words(error, way.tls)}"
        kind = Unsaid if isinstance(error, ClosedInOpening) else Unreachable
        raise kind(f"{dial}: {said}") from None
    return framed


async def target(
    by: "proxy.Proxy | None", host: str, port: int, state: Path | None = None
) -> dict[str, Any]:
    """What asyncio connects to: the host itself, a way to it that a proxy has made, or one that
    is known, for an isolated device cannot ask for names."""
    if by is not None:
        named = f"[{host}]" if ":" in host else host
        return {"sock": await proxy.tunnel(by, f"{named}:{port}", state)}
    if state is not None and (known := known_ways.to(state, host, port)):
        return {"sock": await known_ways.connected(known)}
    return {"host": host, "port": port}


def closed_by_peer(framed: FramedSocket) -> bool:
    """Whether the other side said Close, and did not merely vanish."""
    return cast(ClientProtocol, framed.protocol).close_rcvd is not None


def peer(framed: FramedSocket) -> tuple[str, int]:
    """The address and port that it is connected to."""
    assert framed.transport is not None
    found = framed.transport.get_extra_info("peername")
    return str(found[0]), int(found[1])


def peer_reason(framed: FramedSocket) -> str:
    """What the other side said with its Close; nothing if it said none."""
    close = cast(ClientProtocol, framed.protocol).close_rcvd
    return close.reason if close is not None else ""


def reason(error: OSError) -> str:
    """A connection's failure as a person reads it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return f"the name does not resolve ({error.strerror})"
    # asyncio's own sentences for these name addresses and calls; the number says it plainly.
    if error.errno:
        return os.strerror(error.errno)
    return error.strerror or str(error) or "it closed the connection at once"


def clock_words(error: OSError, context: ssl.SSLContext) -> str:
    """Where a certificate's dates do not fit: both times, for it is mostly this clock."""
    if not isinstance(error, ssl.SSLCertVerificationError) or error.verify_code not in DATES:
        return ""
    now = facts.clock_ms() / 1000
    said = f"; this clock says {_utc(now)}"
    for ca in context.get_ca_certs():
        made = ssl.cert_time_to_seconds(str(ca["notBefore"]))
        days = round((now - made) / 86_400)
        said += f", the broker's CA was made {_utc(made)}"
        said += f", {abs(days):,} days {'earlier' if days >= 0 else 'later'}"
    return f"{said}: is this clock right?"


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%F %T} UTC"


def _answer(framed: FramedSocket, protocol: ClientProtocol) -> asyncio.Future[None]:
    """Done with the handshake; a refusal may come before the request is sent."""
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_event(response: Any) -> None:
        if answered.done():
            return
        if protocol.handshake_exc is not None or response.status_code != 101:
            answered.set_exception(OSError(f"refused the line: {_said(response)}"))
        else:
            answered.set_result(None)

    def on_lost(why: str) -> None:
        if not answered.done():
            answered.set_exception(ClosedInOpening(f"closed the line during its opening ({why})"))

    framed.on_event, framed.on_lost = on_event, on_lost
    # Where the connection itself fails nobody asks for the answer.
    answered.add_done_callback(lambda done: done.cancelled() or done.exception())
    return answered


def _said(response: Any) -> str:
    """The broker's reason; as visible text, for it ends on an administrator's terminal."""
    body = (response.body or b"")[:300].decode("utf-8", "replace").strip()
    return visible(body) or f"status {response.status_code}"


def _no_delay(framed: FramedSocket) -> None:
    assert framed.transport is not None
    raw = framed.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
