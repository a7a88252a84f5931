"""The guard's own look-up of names, against real sockets on loopback."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from endpoint_shim import resolve
from endpoint_shim.linux import resolvers
from tests.endpoint_shim.linux.name_server import NameServer

HERE = ip_address("127.0.0.1")


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    """It listens where the device asks; only the port is another."""
    at = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    at.bind(("127.0.0.1", 0))
    monkeypatch.setattr(resolve, "PORT", at.getsockname()[1])
    monkeypatch.setattr(resolve, "servers", lambda: [HERE])
    made = NameServer("192.0.2.7")
    await made.listen(at)
    yield made
    made.close()


async def test_an_address_is_its_own_and_nobody_is_asked(server: NameServer) -> None:
    assert await resolve.addresses("2001:db8::1") == [ip_address("2001:db8::1")]
    assert await resolve.addresses("192.0.2.1") == [ip_address("192.0.2.1")]
    assert server.asked == []


async def test_a_name_server_is_asked_for_both_kinds(server: NameServer) -> None:
    assert await resolve.addresses("broker.test") == [ip_address("192.0.2.7")]
    assert sorted(question[-4:-2] for question, _ in server.asked) == [b"\0\1", b"\0\x1c"]


async def test_the_devices_own_list_comes_first(
    server: NameServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosts").write_text(
        "192.0.2.50 Broker.test b # broker.other\n::1 x\nbad broker.test\n"
    )
    monkeypatch.setattr(resolvers, "HOSTS", tmp_path / "hosts")
    assert await resolve.addresses("broker.TEST") == [ip_address("192.0.2.50")]
    assert server.asked == []
    assert await resolve.addresses("broker.other") == [ip_address("192.0.2.7")]


async def test_a_name_without_a_dot_is_tried_with_the_devices_own_endings(
    server: NameServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resolv.conf").write_text("domain old.test\nsearch corp.test lab.test\n")
    monkeypatch.setattr(resolvers, "RESOLV", tmp_path / "resolv.conf")
    assert await resolve.addresses("broker") == [ip_address("192.0.2.7")]
    assert all(question.startswith(b"\6broker\4corp\4test\0") for question, _ in server.asked)


async def test_a_server_that_does_not_answer_is_given_up(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "ASK_S", 0.1)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with silent:
        silent.bind(("127.0.0.2", resolve.PORT))
        monkeypatch.setattr(resolve, "servers", lambda: [ip_address("127.0.0.2"), HERE])
        assert await resolve.addresses("broker.test") == [ip_address("192.0.2.7")]


async def test_an_answer_that_was_cut_is_asked_for_by_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real servers do that for long answers; both ports are the same number."""
    tcp = socket.create_server(("127.0.0.1", 0))
    at = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    at.bind(tcp.getsockname())
    monkeypatch.setattr(resolve, "PORT", at.getsockname()[1])
    monkeypatch.setattr(resolve, "servers", lambda: [HERE])

    class Cutting(NameServer):
        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            assert self._transport is not None
            self._transport.sendto(data[:2] + b"\x83\x80" + data[4:], address)

    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        asked = await reader.readexactly(size)
        known = asked[-4:-2] == b"\0\1"
        record = struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + bytes([192, 0, 2, 8])
        head = asked[:2] + struct.pack("!HHHHH", 0x8180, 1, int(known), 0, 0)
        answer = head + asked[12:] + (record if known else b"")
        writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()

    cutting = Cutting("192.0.2.7")
    await cutting.listen(at)
    server = await asyncio.start_server(whole, sock=tcp)
    try:
        assert await resolve.addresses("broker.test") == [ip_address("192.0.2.8")]
    finally:
        cutting.close()
        server.close()


def test_a_resolver_on_the_device_itself_is_passed_over_for_those_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\noptions edns0\nnameserver\n")
    (tmp_path / "behind").write_text("nameserver 192.0.2.3\nnameserver fe80::1%eth0\n")
    monkeypatch.setattr(resolvers, "RESOLV", tmp_path / "resolv.conf")
    monkeypatch.setattr(resolvers, "BEHIND", (tmp_path / "behind", tmp_path / "none"))
    assert resolvers.servers() == [ip_address("192.0.2.3"), ip_address("fe80::1")]
