"""10,000 spoiled inputs for every decoder: what each raises is what it says that it raises.

An input begins as a good one and is cut, doubled, mixed and flipped; the seed is printed and can be
given (FIRELINE_SEED).
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.audit.chunks import COMMIT, Kind, Reader, genesis, pack
from tests.faults.decoders import CARELESS, DECODERS, Decoder
from tests.soaking import within

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

COUNT, SOAK_COUNT = 10_000, 1_000_000
LONGEST = 4096
PIECES = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"\n",
    b"\\ud800", b"1e999", b"-1", b"9" * 30, b"null", b"true", b"NaN", b"[" * 600, b'{"a":' * 300,
    b"raw:", b"%", b"%zz", b"&a", b"*a", b"!!python/object:os.system", b"<<: *x", b"- ", b"'",
)  # fmt: skip


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
    read = done = 0
    for data in within(spoiled(decoder.good, count)):
        done += 1
        try:
            decoder.decode(data)
            read += 1
        except decoder.raises:
            continue
        except Exception as error:
            raise AssertionError(f"{data!r} raises {type(error).__name__}: {error}") from error
    assert read < done, "nothing was spoiled"


@pytest.mark.parametrize("name", DECODERS)
def test_a_spoiled_input_raises_what_its_decoder_says(name: str) -> None:
    decode_all(DECODERS[name], COUNT)


def test_a_decoder_that_raises_something_else_is_caught() -> None:
    with pytest.raises(AssertionError, match="raises (KeyError|TypeError)"):
        decode_all(CARELESS, COUNT)


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
