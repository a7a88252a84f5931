"""Enrolment against a port that speaks its rules, honest or not."""

import asyncio
import hashlib
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from commands.language.enrolment import (
    CA_ASK,
    EnrolAnswer,
    EnrolRefused,
    EnrolRequest,
    Token,
    decode_request,
    encode,
    format_token,
)
from commands.language.errors import FirelineError, NotUnderstood, Refused, Unreachable
from endpoint_shim import config, enrol
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.connect_proxy import ConnectProxy


class Port:
    """One enrolment port; what it was asked stands in `asked`."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.ca = authority.pem
        self.asked: list[EnrolRequest] = []
        self.refuse = ""
        key, leaf = authority.leaf(client=False)
        (folder / "port.pem").write_bytes(key + leaf)
        self._leaf = authority.leaf(client=True)[1].decode()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "port.pem")

    async def serve_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = decode_request(await reader.readuntil(b"\n"))
            assert isinstance(request, EnrolRequest)
            self.asked.append(request)
            answer: EnrolAnswer | EnrolRefused = EnrolAnswer(
                device_id="d1",
                name=request.name,
                certificate_pem=self._leaf,
                ca_pem=self.ca.decode(),
                dial=["127.0.0.1:8443"],
            )
            if self.refuse:
                answer = EnrolRefused(code="token", message=self.refuse)
            writer.write(encode(answer))
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def listen(self) -> tuple[asyncio.Server, int]:
        """One port for both: a first byte of 0x16 goes on to the TLS server."""
        inner = await asyncio.start_server(self.serve_tls, "127.0.0.1", 0, ssl=self._context)
        inner_port = inner.sockets[0].getsockname()[1]

        async def either(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                first = await reader.read(4096)
                if first.startswith(CA_ASK):
                    writer.write(self.ca)
                    await writer.drain()
                    return
                far, onward = await asyncio.open_connection("127.0.0.1", inner_port)
                onward.write(first)
                async with asyncio.TaskGroup() as group:
                    group.create_task(_copy(reader, onward))
                    group.create_task(_copy(far, writer))
            finally:  # a loop that ends cancels it
                writer.close()

        self._inner = inner
        outer = await asyncio.start_server(either, "127.0.0.1", 0)
        return outer, outer.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._inner.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()


def pin(pem: bytes) -> str:
    key = x509.load_pem_x509_certificate(pem).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


@pytest.fixture
async def port(authority: Authority, tmp_path: Path) -> AsyncIterator[tuple[Port, Token]]:
    port = Port(authority, tmp_path)
    server, number = await port.listen()
    yield port, Token(f"https://127.0.0.1:{number}", pin(authority.pem), "s" * 43)
    server.close()
    port.close()


async def enrolled(state: Path, token: Token, name: str = "web-01") -> None:
    # It runs a loop of its own, as the program does.
    await asyncio.to_thread(enrol.enroll, state, token, name)


async def test_a_token_buys_an_identity_that_is_private_and_whole(
    port: tuple[Port, Token], tmp_path: Path
) -> None:
    served, token = port
    await enrolled(tmp_path / "state", token)
    found = config.load(tmp_path / "state")
    assert found.identity == config.Identity("d1", "web-01", ["127.0.0.1:8443"], token.url)
    assert served.asked[0].secret == token.secret
    assert "PRIVATE" not in served.asked[0].csr_pem
    for path in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="holds an identity already"):
        await enrolled(tmp_path / "state", token)


async def test_enrolment_goes_through_the_proxy_that_the_settings_name(
    port: tuple[Port, Token], tmp_path: Path
) -> None:
    between = ConnectProxy("me:word")
    url = await between.listen()
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    for name, text in (("shim.toml", f'proxy = "{url}"\n'), ("proxy.login", "me:word\n")):
        (state / name).write_text(text)
        (state / name).chmod(0o600)
    await enrolled(state, port[1])
    assert len(between.ways) == 2 and between.turned_away == 0
    assert config.load(state).identity.name == "web-01"
    between.close()


async def test_another_ca_than_the_tokens_is_told_nothing(
    port: tuple[Port, Token], tmp_path: Path
) -> None:
    served, token = port
    served.ca = Authority().pem
    with pytest.raises(Refused, match="nothing was sent"):
        await enrolled(tmp_path / "state", token)
    assert served.asked == [] and not (tmp_path / "state/identity.json").exists()


async def test_a_right_ca_shown_by_a_wrong_server_is_told_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    served = Port(Authority(), tmp_path)
    served.ca = authority.pem
    server, number = await served.listen()
    token = Token(f"https://127.0.0.1:{number}", pin(authority.pem), "s" * 43)
    with pytest.raises(Unreachable, match="certificate"):
        await enrolled(tmp_path / "state", token)
    assert served.asked == []
    server.close()
    served.close()


async def test_what_is_no_ca_is_named(port: tuple[Port, Token], tmp_path: Path) -> None:
    served, token = port
    served.ca = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with pytest.raises(Refused, match="is it a Fireline broker"):
        await enrolled(tmp_path / "state", token)


async def test_a_refusal_is_said_and_leaves_no_identity(
    port: tuple[Port, Token], tmp_path: Path
) -> None:
    served, token = port
    served.refuse = "the token was used already"
    with pytest.raises(Refused, match="web-01 was not enrolled: the token was used already"):
        await enrolled(tmp_path / "state", token)
    assert list((tmp_path / "state").iterdir()) == []


def test_a_token_is_read_from_a_file_and_a_damaged_one_is_not_repeated(tmp_path: Path) -> None:
    token = Token("https://127.0.0.1:8444", "a" * 64, "s" * 43)
    (tmp_path / "token").write_text(format_token(token) + "\n")
    assert enrol.read_token(str(tmp_path / "token")) == token
    (tmp_path / "token").write_text("fl1.c2VjcmV0")
    with pytest.raises(NotUnderstood) as raised:
        enrol.read_token(str(tmp_path / "token"))
    assert "c2VjcmV0" not in str(raised.value) and isinstance(raised.value, FirelineError)
