"""The way out through an HTTP proxy: CONNECT (RFC 9110, 9.3.6), with Basic (RFC 7617) or nothing.

1. What goes through is the same TLS 1.3 to the same pinned broker: the proxy learns where the
   device dials, and nothing else.
2. The login lies in a private file of the state folder, never in the URL, argv or environment;
   it is read at each dial, so that a new one needs no restart.
3. The proxy's answer is bounded, and what it says is shown as visible text only.
"""

import asyncio
import base64
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from commands.language.errors import Refused
from commands.language.visible import visible
from endpoint_shim import durable, known_ways
from endpoint_shim.own_mark import mark

LOGIN = "proxy.login"
LONGEST_ANSWER = 16 * 1024
LONGEST_LOGIN = 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")
_END = re.compile(rb"\r?\n\r?\n")
"""Of a head; some end their lines with LF alone (RFC 9112, 2.2)."""
_CHALLENGES = re.compile(r"^proxy-authenticate:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_SCHEME = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9._-]{0,31})(?:[ \t]+[^=\s]|[ \t]*$)")
"""A scheme's name; a parameter has an equals sign behind its own."""
MOST_SCHEMES = 8


@dataclass(frozen=True)
class Proxy:
    """Where it is, and where its login lies."""

    host: str
    port: int
    login: Path

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse(url: str, state: Path) -> Proxy | None:
    """The proxy of `shim.toml`, None for none; raises Refused for what cannot be one."""
    if not url:
        return None
    try:
        found = urlsplit(url)
        host, port = found.hostname or "", found.port
    except ValueError:
        host, port, found = "", None, urlsplit("")
    if found.username is not None or found.password is not None:
        raise Refused(f"proxy: a login does not belong in its URL; put it into {state / LOGIN}")
    plain = found.path in ("", "/") and not found.query and not found.fragment
    if found.scheme != "http" or not host or port is None or not plain:
        raise Refused(f"proxy: {visible(url)} is none; it is written http://HOST:PORT")
    return Proxy(host, port, state / LOGIN)


async def tunnel(proxy: Proxy, place: str, state: Path | None = None) -> socket.socket:
    """A connected socket to `place`, through the proxy; raises OSError with the reason."""
    request = ask(place, _login(proxy.login))
    connection = await _connected(proxy, state)
    try:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, request)
        answer = b""
        while not _END.search(final(answer)) and len(answer) < LONGEST_ANSWER:
            piece = await loop.sock_recv(connection, LONGEST_ANSWER - len(answer))
            if not piece:
                break
            answer += piece
        if said := refusal(answer):
            raise OSError(f"the proxy {proxy} {said}")
    except BaseException:
        connection.close()
        raise
    return connection


def ask(place: str, login: str) -> bytes:
    """The request for a way to `place`."""
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if login:
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def refusal(answer: bytes) -> str:
    """Why there is no way; empty where there is one."""
    answer = final(answer)
    end = _END.search(answer)
    head, rest = (answer[: end.start()], answer[end.end() :]) if end else (answer, b"")
    status = _STATUS.match(head + b"\r\n")
    if status is None or end is None:
        return "gives no answer that is one of a proxy" if answer else "closed the connection"
    number = int(status[1])
    if 200 <= number < 300:
        # Whoever is behind it speaks second: what is here already is not theirs.
        return "spoke before the broker could" if rest else ""
    if number == 407:
        offered = schemes(head)
        if "basic" not in map(str.lower, offered):
            asks = " or ".join(offered)
            return f"wants a login by {asks}; Basic is all that is spoken here"
        among = f" (it offers {', '.join(offered)})" if len(offered) > 1 else ""
        return f"wants another login{among}; write USER:PASSWORD into {LOGIN} of the state folder"
    words = visible((status[2] or b"")[:200].decode("utf-8", "replace").strip())
    said = f"refuses the way: {number}{' ' if words else ''}{words}"
    if 300 <= number < 400 or number == 511:
        return f"{said}; it wants a person to sign in by a browser first"
    return said


def final(answer: bytes) -> bytes:
    """Without the interim answers before it (RFC 9110, 15.2)."""
    while (status := _STATUS.match(answer)) and status[1][:1] == b"1":
        if (end := _END.search(answer)) is None:
            break
        answer = answer[end.end() :]
    return answer


def schemes(head: bytes) -> list[str]:
    """Every login that a 407 offers, in its order (RFC 9110, 11.6.1); Basic where it names none."""
    found: dict[str, str] = {}
    for challenges in _CHALLENGES.findall(head.decode("latin-1")):
        for one in _QUOTED.sub('""', challenges).split(","):
            if named := _SCHEME.match(one):
                found.setdefault(named[1].lower(), named[1])
    return list(found.values())[:MOST_SCHEMES] or ["Basic"]


async def _connected(proxy: Proxy, state: Path | None) -> socket.socket:
    if state is not None and (known := known_ways.to(state, proxy.host, proxy.port)):
        return await known_ways.connected(known)
    loop = asyncio.get_running_loop()
    failed: OSError | None = None
    for family, kind, number, _, address in await _resolved(proxy):
        connection = socket.socket(family, kind, number)
        connection.setblocking(False)
        # An isolated device's proxy is open to what is marked alone.
        mark(connection)
        try:
            await loop.sock_connect(connection, address)
            return connection
        except OSError as error:
            connection.close()
            failed = error
        except BaseException:
            connection.close()
            raise
    words = failed.strerror if failed is not None else "no address"
    raise OSError(f"the proxy {proxy} is not reached ({words})")


async def _resolved(proxy: Proxy) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
    loop = asyncio.get_running_loop()
    try:
        return list(await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        raise OSError(
            f"the proxy's name {proxy.host} does not resolve ({error.strerror})"
        ) from None


def _login(path: Path) -> str:
    if not path.exists():
        return ""
    durable.refuse_unless_private(path)
    with path.open("rb") as file:
        data = file.read(LONGEST_LOGIN + 1)
    text = data.decode("utf-8", "replace").strip("\r\n")
    if len(data) > LONGEST_LOGIN or ":" not in text or not text.isprintable():
        raise Refused(f"{path} holds no login; it is one line, USER:PASSWORD")
    return text
