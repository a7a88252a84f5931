"""Dialling: only the pinned CA, only the right name, only TLS 1.3; and what is said otherwise."""

import asyncio
import ssl
from pathlib import Path

import pytest

from commands.language import wire
from commands.language.errors import Unreachable
from endpoint_shim import config, dial
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door


async def dialled(state: Path) -> None:
    found = config.load(state)
    framed = await dial.connect(
        dial.way(found), found.identity.dial[0], dial.CONTROL, wire.MAX_CONTROL
    )
    framed.close()


async def served(
    folder: Path, door: tuple[bytes, bytes], version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> tuple[asyncio.Server, str]:
    (folder / "leaf.pem").write_bytes(door[0] + door[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    context.load_cert_chain(folder / "leaf.pem")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
    return server, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_right_door_is_let_in_by(door: Door, tmp_path: Path) -> None:
    await dialled(tmp_path / "state")


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        ({"client": False, "days": -1}, "expired"),
        ({"client": False, "host": "127.0.0.2"}, "IP address mismatch"),
        ({"client": True}, "unsuitable certificate purpose"),
        ("another CA", "certificate"),
    ],
)
async def test_a_door_with_a_wrong_certificate_gets_nothing(
    authority: Authority, tmp_path: Path, leaf: "dict[str, object] | str", words: str
) -> None:
    signer = Authority() if isinstance(leaf, str) else authority
    given = {"client": False} if isinstance(leaf, str) else leaf
    server, place = await served(tmp_path, signer.leaf(**given))
    authority.enrol(tmp_path / "state", place)
    with pytest.raises(Unreachable, match=words):
        await dialled(tmp_path / "state")
    server.close()


async def test_a_door_of_an_older_tls_gets_nothing(authority: Authority, tmp_path: Path) -> None:
    leaf = authority.leaf(client=False)
    server, place = await served(tmp_path, leaf, ssl.TLSVersion.TLSv1_2)
    authority.enrol(tmp_path / "state", place)
    with pytest.raises(Unreachable, match="TLS failed|closed the connection"):
        await dialled(tmp_path / "state")
    server.close()


async def test_nobody_there_and_no_such_name_are_told_apart(
    authority: Authority, tmp_path: Path
) -> None:
    state = authority.enrol(tmp_path / "state", "127.0.0.1:1")
    with pytest.raises(Unreachable, match="127.0.0.1:1: .*[Cc]onnect"):
        await dialled(state)
    found = config.load(state)
    with pytest.raises(Unreachable, match="does not resolve"):
        await dial.connect(dial.way(found), "no.invalid:1", dial.CONTROL, 1000)


def test_a_place_may_be_an_address_of_version_6() -> None:
    assert dial.place("[::1]:8443") == ("::1", 8443)
    assert dial.place("broker.example:8443") == ("broker.example", 8443)
