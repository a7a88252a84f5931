"""The real enrolment port: one token, one device; everything else is refused and journaled."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest

from commands.language.enrolment import (
    MESSAGE_LIMIT,
    EnrolAnswer,
    EnrolRefused,
    EnrolRequest,
    Token,
    encode,
    parse_token,
)
from commands.language.errors import Unreachable
from endpoint_shim.enrol import exchange
from endpoint_shim.identity import make_request
from server.config import load
from tests.journeys.rig import House
from tests.journeys.scripted import until

pytestmark = [pytest.mark.needs("ssh-keygen")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("enrolment") / "house") as house:
        yield house


def port(house: House) -> int:
    return load(house.home).enrolment_port


async def enrol(token: Token, name: str) -> "EnrolAnswer | EnrolRefused":
    _, request = make_request(name)
    return await exchange(
        token,
        EnrolRequest(
            secret=token.secret, csr_pem=request, name=name, platform="linux", version="0.1.0"
        ),
    )


async def refused(house: House, token: Token, name: str, why: str) -> None:
    """Refused for that reason, to the device and in the journal, and no device was made."""
    devices = len(house.of_kind("enrolled"))
    answer = await enrol(token, name)
    assert isinstance(answer, EnrolRefused) and why in answer.message
    assert why in house.of_kind("enrol_refused")[-1]["reason"]
    assert len(house.of_kind("enrolled")) == devices


async def test_a_token_enrols_once(house: House) -> None:
    token, _open = parse_token(house.token()), house.token()
    assert isinstance(await enrol(token, "once-01"), EnrolAnswer)
    await refused(house, token, "once-02", "used already")


async def test_twenty_at_once_with_one_token_give_one_device(house: House) -> None:
    token, _open = parse_token(house.token()), house.token()
    before = len(house.of_kind("enrolled"))
    answers = await asyncio.gather(*(enrol(token, f"many-{n:02}") for n in range(20)))
    assert sum(isinstance(answer, EnrolAnswer) for answer in answers) == 1
    assert len(house.of_kind("enrolled")) == before + 1
    assert sum(row["name"].startswith("many-") for row in house.rows("devices")) == 1


async def test_an_expired_token_enrols_nobody(house: House) -> None:
    token, _open = parse_token(house.token(more="-hours 0.0001")), house.token()
    await asyncio.sleep(0.5)  # what is waited for is the clock
    await refused(house, token, "late-01", "has expired")


async def test_a_name_that_does_not_fit_the_token_is_refused(house: House) -> None:
    token = parse_token(house.token("web-*"))
    await refused(house, token, "db-01", "for names like web-*")
    assert isinstance(await enrol(token, "web-01"), EnrolAnswer)


async def test_a_taken_name_is_refused_whatever_its_case(house: House) -> None:
    assert isinstance(await enrol(parse_token(house.token()), "taken-01"), EnrolAnswer)
    token = parse_token(house.token())
    await refused(house, token, "TAKEN-01", "TAKEN-01")
    assert isinstance(await enrol(token, "taken-02"), EnrolAnswer)


async def test_a_made_up_token_is_refused(house: House) -> None:
    token = parse_token(house.token())
    forged = Token(url=token.url, ca=token.ca, secret="A" * 43)
    await refused(house, forged, "forged-01", "not one of this broker's")


@pytest.mark.parametrize(
    "data", [b"\0" * 4096, b"GET / HTTP/1.1\r\n\r\n", b"fireline ca", b"\x16\x03\x01\xff\xff" * 999]
)
async def test_garbage_in_the_clear_gets_nothing(house: House, data: bytes) -> None:
    house.token()
    reader, writer = await asyncio.open_connection("127.0.0.1", port(house))
    writer.write(data)
    with contextlib.suppress(OSError):  # the door may have closed already
        writer.write_eof()
    async with asyncio.timeout(12):
        try:
            heard = await reader.read()
        except ConnectionError:
            heard = b""
    assert b"CERTIFICATE" not in heard
    writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe{]\n",
        b'{"m":"enrol"}\n',
        b'{"m":"enrol","secret":' + b"[" * 30_000 + b"\n",
        b"x" * (MESSAGE_LIMIT * 2) + b"\n",
    ],
)
async def test_garbage_within_tls_gets_nothing(house: House, data: bytes) -> None:
    house.token()
    context = ssl.create_default_context(cafile=str(house.home / "device_ca.pem"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port(house), ssl=context)
    writer.write(data)
    async with asyncio.timeout(12):
        try:
            heard = await reader.read()
        except (ConnectionError, ssl.SSLError):
            heard = b""
    assert heard == b""
    writer.transport.abort()


async def test_a_request_of_another_key_or_a_name_of_the_journal_is_refused(house: House) -> None:
    token = parse_token(house.token())
    asked = EnrolRequest(
        secret=token.secret, csr_pem="-----BEGIN", name="odd-01", platform="linux", version="1"
    )
    answer = await exchange(token, asked)
    assert isinstance(answer, EnrolRefused) and "malformed" in answer.message
    with pytest.raises(Unreachable):
        await exchange(token, EnrolRequest(
            secret=token.secret, csr_pem="x", name="../../etc", platform="linux", version="1"
        ))  # fmt: skip
    assert encode(asked).count(b"\n") == 1


async def test_the_port_is_closed_when_no_token_waits(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with House(tmp_path_factory.mktemp("closed") / "house") as house:

        def is_closed() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port(house))) != 0

        assert is_closed()
        token = parse_token(house.token())
        await until(lambda: not is_closed(), 5)
        assert isinstance(await enrol(token, "only-01"), EnrolAnswer)
        await until(is_closed, 10)
