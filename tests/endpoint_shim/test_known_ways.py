"""Where an isolated device's other processes find the broker."""

import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from endpoint_shim import dial, durable, known_ways


def test_what_is_kept_is_found_by_host_and_port(tmp_path: Path) -> None:
    ways = [(ip_address("192.0.2.1"), 8443), (ip_address("2001:db8::1"), 8443)]
    known_ways.keep(tmp_path, {"broker.test:8443": ways, "[2001:db8::7]:1": ways[:1]})
    assert known_ways.to(tmp_path, "broker.test", 8443) == ways
    assert known_ways.to(tmp_path, "2001:db8::7", 1) == ways[:1]
    assert known_ways.to(tmp_path, "broker.test", 9) == []
    known_ways.keep(tmp_path, {})
    assert known_ways.to(tmp_path, "broker.test", 8443) == []


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"b:1": [["no address", 1]]}', b'{"b:1": 3}', b"\xff"]
)
def test_a_damaged_file_is_none_and_the_name_is_asked_for(text: bytes, tmp_path: Path) -> None:
    durable.save(tmp_path / known_ways.NAME, text)
    assert known_ways.to(tmp_path, "b", 1) == []


async def test_the_first_that_answers_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port, refusing = server.getsockname()[1], closed.getsockname()[1]
        here = ip_address("127.0.0.1")
        known_ways.keep(tmp_path, {"broker.test:1": [(here, refusing), (here, port)]})
        # Of a name that nobody knows: nothing was asked.
        found = await dial.target(None, "broker.test", 1, tmp_path)
        with found["sock"] as one:
            assert one.getpeername() == ("127.0.0.1", port)
        known_ways.keep(tmp_path, {"broker.test:1": [(here, refusing)]})
        with pytest.raises(ConnectionRefusedError):
            await dial.target(None, "broker.test", 1, tmp_path)
