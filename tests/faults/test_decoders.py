"""10,000 spoiled inputs for every decoder: what each raises is what it says that it raises.

An input begins as a good one and is cut, doubled, mixed and flipped; the seed is printed and can be
given (FIRELINE_SEED).
"""

import functools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from commands.language import enrolment, items, line, names, wire
from commands.language.command import decode as decode_command
from commands.language.errors import FirelineError
from endpoint_shim import policy
from server.audit.chain import envelope
from server.audit.chunks import COMMIT, Kind, Reader, genesis, pack
from server.audit.decoding import decode_body
from server.identity.access_file import parse_access_file
from server.live.manifest import Manifest

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

COUNT, SOAK_COUNT = 10_000, 1_000_000
LONGEST = 4096
# What a frame that is no message raises: not UTF-8, no JSON, no such message, nested without end.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
PIECES = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"\n",
    b"\\ud800", b"1e999", b"-1", b"9" * 30, b"null", b"true", b"NaN", b"[" * 600, b'{"a":' * 300,
    b"raw:", b"%", b"%zz", b"&a", b"*a", b"!!python/object:os.system", b"<<: *x", b"- ", b"'",
)  # fmt: skip


class Decoder(NamedTuple):
    """One decoder: good inputs, and all that it may raise."""

    decode: Callable[[bytes], Any]
    good: tuple[bytes, ...]
    raises: tuple[type[Exception], ...]


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def record(data: bytes) -> Any:
    """As `verify` reads a line: its envelope, and its body where it has one."""
    return envelope(data) and (decode_body("started", data), decode_body("new", data))


DECODERS = {
    "line": Decoder(
        lambda data: line.parse(as_text(data)),
        (b"getfile '/etc/a b' > NAME &", b"run x.sh -parameters \"a b\" -output json", b"help"),
        (FirelineError,),
    ),
    "up": Decoder(
        wire.up.decode,
        (b'{"m":"beat","number":1}', b'{"m":"gone","stream":"S1.w1","how":"crashed","left":[]}'),
        UNREADABLE,
    ),
    "down": Decoder(wire.down.decode, (b'{"m":"echo","number":1}',), UNREADABLE),
    "stream up": Decoder(wire.stream_up.decode, (b'{"m":"ack","frames":1}',), UNREADABLE),
    "stream down": Decoder(wire.stream_down.decode, (b'{"m":"ack","frames":1}',), UNREADABLE),
    "items": Decoder(
        items.decode,
        (b'{"item":"row","row":{"pid":1}}', b'{"item":"into","where":"file","name":"x"}'),
        UNREADABLE,
    ),
    "commands": Decoder(
        decode_command, (b'{"word":"getfile","path":"/x"}', b'{"word":"dir"}'), UNREADABLE
    ),
    "journal": Decoder(
        record,
        (b'{"journal":"S1","seq":4,"time":"2026-01-01T00:00:00.000Z","kind":"started","number":1,'
         b'"stream":"S1.w1","device_change":false,"prev":"00"}',),
        (msgspec.MsgspecError, UnicodeDecodeError),
    ),
    "policy": Decoder(
        lambda data: policy.parse(data.decode()),
        (b'deny = ["shell"]\noff_limits = ["/srv/x"]\n',),
        (ValueError, msgspec.ValidationError),
    ),
    "access": Decoder(
        lambda data: parse_access_file("access.yaml", data, {"shell": "shell"}),
        (b"people:\n  alice: {keys: []}\nrules:\n  - {name: r, people: [alice], role: basic, "
         b"devices: all, deny: [shell]}\n",),
        (FirelineError,),
    ),
    "names": Decoder(
        lambda data: names.to_bytes(names.typed(as_text(data))),
        (b"raw:i%FF%FEj", "ünï\u202e".encode()),
        (FirelineError,),
    ),
    "manifest": Decoder(
        functools.partial(msgspec.json.decode, type=Manifest),
        (msgspec.json.encode(Manifest()),),
        UNREADABLE,
    ),
    "enrolment": Decoder(
        lambda data: (enrolment.decode_request(data), enrolment.parse_token(as_text(data))),
        (b'{"m":"enrol","secret":"x","name":"web-01","csr":"x"}', b"fl1.eyJ1cmwiOiJ4In0"),
        (FirelineError,),
    ),
}  # fmt: skip


def spoiled(good: tuple[bytes, ...], count: int) -> Iterator[bytes]:
    seed = int(os.environ.get("FIRELINE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"FIRELINE_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 5)):
            at, to = sorted(chance.randint(0, len(data)) for _ in range(2))
            match chance.randrange(5):
                case 0:
                    del data[at:to]
                case 1:
                    data[at:at] = data[at:to]
                case 2:
                    data[at:to] = chance.choice(PIECES)
                case 3:
                    data[at:at] = chance.randbytes(chance.randint(1, 4))
                case _ if data:
                    data[at % len(data)] ^= 1 << chance.randrange(8)
        yield bytes(data[:LONGEST])


def decode_all(decoder: Decoder, count: int) -> None:
    read = 0
    for data in spoiled(decoder.good, count):
        try:
            decoder.decode(data)
            read += 1
        except decoder.raises:
            continue
        except Exception as error:
            raise AssertionError(f"{data!r} raises {type(error).__name__}: {error}") from error
    assert read < count, "nothing was spoiled"


@pytest.mark.parametrize("name", DECODERS)
def test_a_spoiled_input_raises_what_its_decoder_says(name: str) -> None:
    decode_all(DECODERS[name], COUNT)


def test_a_decoder_that_raises_something_else_is_caught() -> None:
    careless = Decoder(lambda data: msgspec.json.decode(data)["m"], (b'{"m":1}',), UNREADABLE)
    with pytest.raises(AssertionError, match="raises (KeyError|TypeError)"):
        decode_all(careless, COUNT)


def test_a_spoiled_file_of_chunks_ends_where_it_is_spoiled(tmp_path: Path) -> None:
    chain, whole = genesis("S1"), b""
    for number in range(4):
        chunk, chain = pack(Kind.OUTPUT, 1, number, b"some output", chain)
        whole += chunk
    whole += pack(Kind.COMMIT, 0, 5, COMMIT.pack(len(whole), chain), chain)[0]
    path = tmp_path / "S1.rec"
    for data in spoiled((whole,), COUNT // 10):
        path.write_bytes(data)
        reader = Reader(path)
        read = list(reader)
        same = next(
            (at for at, (one, other) in enumerate(zip(data, whole, strict=False)) if one != other),
            min(len(data), len(whole)),
        )
        assert all(chunk.end <= same for chunk in read), data
        assert reader.tail.end <= len(data)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", DECODERS)
def test_a_million_spoiled_inputs(name: str) -> None:
    decode_all(DECODERS[name], SOAK_COUNT)
