"""The way out through a proxy: a real CONNECT proxy between a real shim and its door."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language import items, wire
from commands.language.errors import Refused, Unreachable
from endpoint_shim import config, dial, proxy
from tests.endpoint_shim.connect_proxy import ConnectProxy
from tests.endpoint_shim.door import Door

LOGIN = "web-01:pass word:with colons"


def settings(state: Path, url: str, login: str = "") -> None:
    (state / "shim.toml").write_text(f'proxy = "{url}"\n')
    (state / "shim.toml").chmod(0o600)
    if login:
        (state / "proxy.login").write_text(login + "\n")
        (state / "proxy.login").chmod(0o600)


async def dialled(state: Path) -> None:
    found = config.load(state)
    place = found.identity.dial[0]
    framed = await dial.connect(dial.way(found), place, dial.CONTROL, wire.MAX_CONTROL)
    framed.close()


@contextlib.asynccontextmanager
async def listening(**how: str | bytes) -> AsyncIterator[tuple[ConnectProxy, str]]:
    found = ConnectProxy(**how)  # type: ignore[arg-type]
    url = await found.listen()
    yield found, url
    found.close()


@contextlib.asynccontextmanager
async def shim(state: Path) -> AsyncIterator[None]:
    words = (sys.executable, "-I", "-m", "endpoint_shim", "run", "--state", str(state))
    with (state.parent / "shim.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*words, stderr=log)
        yield
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        async with asyncio.timeout(15):
            await process.wait()


@pytest.mark.parametrize("login", ["", LOGIN])
async def test_line_and_streams_go_through_the_proxy_and_only_there(
    door: Door, tmp_path: Path, login: str
) -> None:
    async with listening(login=login) as (between, url):
        settings(tmp_path / "state", url, login)
        async with shim(tmp_path / "state"):
            line, _ = await door.line()
            line.say(wire.Begin(session="S1"))
            line.say(wire.Open(session="S1", stream="S1.w1", token="t" * 32))
            peer, _ = await door.stream()
            peer.say(wire.Start(command={"word": "processes"}, number=1, folder="/"))
            assert (await peer.until_done())[1] == items.Done()
        assert len(between.ways) == 2 and between.turned_away == 0


@pytest.mark.parametrize(
    "established",
    [
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.0 200 Connection established\nProxy-agent: x\n\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 More\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    ],
)
async def test_a_way_is_told_by_many_words(door: Door, tmp_path: Path, established: bytes) -> None:
    async with listening(established=established) as (between, url):
        settings(tmp_path / "state", url)
        await dialled(tmp_path / "state")
        assert len(between.ways) == 1


async def test_a_proxy_that_wants_another_login_is_told_where_it_is_written(
    door: Door, tmp_path: Path
) -> None:
    async with listening(login=LOGIN) as (between, url):
        settings(tmp_path / "state", url, "web-01:wrong")
        with pytest.raises(Unreachable, match=r"wants another login; write .* into proxy\.login"):
            await dialled(tmp_path / "state")
        settings(tmp_path / "state", url, LOGIN)
        await dialled(tmp_path / "state")
        assert len(between.ways) == 1 and between.turned_away == 1


async def test_a_refusal_of_the_proxy_is_shown_as_visible_text(door: Door, tmp_path: Path) -> None:
    async with listening(forbid="127.") as (_, url):
        settings(tmp_path / "state", url)
        with pytest.raises(Unreachable, match="refuses the way: 403 Not on the") as raised:
            await dialled(tmp_path / "state")
        assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no answer that is one of a proxy"),
        (b"HTTP/1.1 200 OK\r\nx: y", "no answer that is one of a proxy"),
        (b"x" * 100_000, "no answer that is one of a proxy"),
        (b"HTTP/1.1 200 OK\r\n\r\nand more", "spoke before the broker could"),
        (b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n", "wants a login by NTLM"),
        (b"HTTP/1.1 407 No\nProxy-Authenticate: NTLM\n\n", "wants a login by NTLM"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n", "refuses the way: 503 Busy"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "to sign in by a browser"),
        (b"HTTP/1.1 102 Processing\r\n\r\n", "gives no answer|closed the connection"),
    ],
)
async def test_what_is_no_honest_proxy_is_named(
    door: Door, tmp_path: Path, answer: bytes, words: str
) -> None:
    async with listening(answer=answer) as (_, url):
        settings(tmp_path / "state", url)
        with pytest.raises(Unreachable, match=words):
            await dialled(tmp_path / "state")


@pytest.mark.parametrize(
    ("lines", "offered"),
    [
        (["NTLM", "Negotiate"], ["NTLM", "Negotiate"]),
        (["Negotiate, NTLM"], ["Negotiate", "NTLM"]),
        (
            ["Negotiate YII=", 'Basic realm="a, Digest b\\", c", charset="UTF-8"'],
            ["Negotiate", "Basic"],
        ),
        (['Digest realm = "x", nonce="1" , NTLM', "ntlm"], ["Digest", "NTLM"]),
        ([], ["Basic"]),
        (["", "=", '"', "\xff"], ["Basic"]),
    ],
)
def test_every_login_that_a_proxy_offers_is_read(lines: list[str], offered: list[str]) -> None:
    head = ["HTTP/1.1 407 No", *(f"Proxy-Authenticate: {one}" for one in lines)]
    assert proxy.schemes("\r\n".join(head).encode("latin-1")) == offered


async def test_a_proxy_that_is_not_there_is_told_from_the_broker(
    door: Door, tmp_path: Path
) -> None:
    settings(tmp_path / "state", "http://127.0.0.1:1")
    with pytest.raises(Unreachable, match=r"the proxy 127\.0\.0\.1:1 is not reached"):
        await dialled(tmp_path / "state")
    settings(tmp_path / "state", "http://no.invalid:3128")
    with pytest.raises(Unreachable, match=r"the proxy's name no\.invalid does not resolve"):
        await dialled(tmp_path / "state")


async def test_a_login_that_others_can_read_is_not_used(door: Door, tmp_path: Path) -> None:
    async with listening(login=LOGIN) as (between, url):
        settings(tmp_path / "state", url, LOGIN)
        (tmp_path / "state/proxy.login").chmod(0o644)
        with pytest.raises(Unreachable, match="is open to others"):
            await dialled(tmp_path / "state")
        assert not between.ways and not between.turned_away


@pytest.mark.parametrize("login", ["no colon", "a:b\x00", "a:" + "b" * 2000])
async def test_a_login_that_is_none_is_refused(door: Door, tmp_path: Path, login: str) -> None:
    settings(tmp_path / "state", "http://127.0.0.1:1", login)
    with pytest.raises(Unreachable, match="one line, USER:PASSWORD"):
        await dialled(tmp_path / "state")


@pytest.mark.parametrize(
    "url",
    [
        "proxy:3128",
        "https://p:1",
        "http://p",
        "http://p:x",
        "http://p:1/x",
        "socks5://p:1",
        "http://",
    ],
)
def test_a_url_that_is_no_proxys_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Refused, match="http://HOST:PORT"):
        proxy.parse(url, tmp_path)


def test_a_login_in_the_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"put it into .*proxy\.login") as raised:
        proxy.parse("http://me:secret@p:1", tmp_path)
    assert "secret" not in str(raised.value)


def test_an_address_of_version_6_is_asked_for_in_brackets(tmp_path: Path) -> None:
    found = proxy.parse("http://[::1]:3128/", tmp_path)
    assert found is not None and (found.host, found.port) == ("::1", 3128)
    assert proxy.ask("[::1]:8443", "").startswith(b"CONNECT [::1]:8443 HTTP/1.1\r\n")
