"""Files on their way: whole, cut off, going on, too big, changed, and of the same name."""

import asyncio
import os
from pathlib import Path

import pytest

from commands.language import items
from commands.language.errors import Failed, Refused
from commands.language.holes import HOLE
from commands.language.names import Name
from server.audit.journal import Journal
from server.audit.records import Body, EvidencePartial, EvidenceTaken
from server.audit.session import SessionJournal
from server.audit.verify import verify
from server.evidence.incoming import Held, Incoming
from tests.evidence.conftest import feed, into, sha256

BIG = bytes(range(256)) * 50_000


def incoming(
    session: SessionJournal, name: str, announced: items.Into, number: int = 1
) -> Incoming:
    return Incoming(session, number, announced, name, 1 << 30, None)


async def bodies(journal: Journal, session: SessionJournal) -> list[Body]:
    found = [record.body async for record in journal.records(session.id)]
    return [body for body in found if isinstance(body, Body)]


async def test_a_whole_file_gets_its_name_when_the_digests_agree(
    journal: Journal, session: SessionJournal
) -> None:
    file = incoming(session, "big", into("/var/big", len(BIG)))
    await feed(file, BIG)
    assert not (session.evidence / "big").exists()
    file.expected = items.Taken(len(BIG), sha256(BIG))
    taken = await file.take()
    assert (taken.name, taken.path, taken.bytes, taken.sha256) == (
        *("big", "/var/big", len(BIG)),
        sha256(BIG),
    )
    kept = session.evidence / "big"
    assert kept.read_bytes() == BIG
    assert kept.stat().st_mode & 0o777 == 0o600
    assert os.listdir(file.path.parent) == []
    assert (await bodies(journal, session))[-1] == EvidenceTaken(
        1, "big", "/var/big", len(BIG), sha256(BIG)
    )


async def test_an_empty_file_is_a_file(session: SessionJournal) -> None:
    file = incoming(session, "empty", into("/empty", 0))
    file.expected = items.Taken(0, sha256(b""))
    assert (await file.take()).bytes == 0
    assert (session.evidence / "empty").read_bytes() == b""


async def test_another_digest_is_never_taken_and_what_came_is_kept(
    journal: Journal, session: SessionJournal
) -> None:
    file = incoming(session, "x", into("/x", 5))
    await feed(file, b"hello")
    file.expected = items.Taken(5, sha256(b"hallo"))
    with pytest.raises(Failed, match="differs: 5 bytes"):
        await file.take()
    await file.keep_partial()
    assert os.listdir(session.evidence) == ["x.partial"]
    assert (await bodies(journal, session))[-1] == EvidencePartial(
        1, "x.partial", 5, sha256(b"hello")
    )


async def test_two_files_of_one_name_are_both_kept(session: SessionJournal) -> None:
    names = []
    for number, data in enumerate((b"one", b"two", b"three"), 1):
        file = incoming(session, "hosts", into("/etc/hosts", len(data)), number)
        await feed(file, data)
        file.expected = items.Taken(len(data), sha256(data))
        names.append((await file.take()).name)
    assert names == ["hosts", "hosts.2", "hosts.3"]
    assert (session.evidence / "hosts").read_bytes() == b"one"
    assert (session.evidence / "hosts.3").read_bytes() == b"three"


async def test_more_than_announced_is_refused_and_not_counted(
    journal: Journal, session: SessionJournal
) -> None:
    file = incoming(session, "x", into("/x", 4))
    file.feed(b"1234")
    with pytest.raises(Refused, match="more than the 4 bytes announced"):
        file.feed(b"5")
    await file.keep_partial()
    assert (session.evidence / "x.partial").read_bytes() == b"1234"
    assert (await bodies(journal, session))[-1] == EvidencePartial(
        1, "x.partial", 4, sha256(b"1234")
    )


async def test_too_big_a_file_leaves_nothing_behind(session: SessionJournal) -> None:
    with pytest.raises(Refused, match="nothing was transferred"):
        incoming(session, "x", into("/x", 1 << 40))
    assert os.listdir(session.incoming(1).parent) == []


async def test_a_full_buffer_pauses_and_says_when_it_is_drained(session: SessionJournal) -> None:
    file = incoming(session, "x", into("/x", None))
    fed = 0
    while file.feed(bytes(1 << 20)):
        fed += 1
    assert fed == 7
    await feed(file, b"end")
    await file.keep_partial()
    assert (session.evidence / "x.partial").stat().st_size == (8 << 20) + 3


async def test_it_goes_on_where_it_broke_and_the_partial_stays(
    journal: Journal, session: SessionJournal
) -> None:
    held: list[Held] = []
    file = incoming(session, "big", into("/var/big", len(BIG)))
    file.on_partial = held.append
    await feed(file, BIG[:7_000_001])
    await file.keep_partial()
    assert held == [
        Held("/var/big", session.evidence / "big.partial", 7_000_001, sha256(BIG[:7_000_001]))
    ]
    again = Incoming(session, 2, into("/var/big", len(BIG), 7_000_001), "big", 1 << 30, held[0])
    await feed(again, BIG[7_000_001:])
    again.expected = items.Taken(len(BIG), sha256(BIG))
    assert (await again.take()).sha256 == sha256(BIG)
    assert (session.evidence / "big").read_bytes() == BIG
    assert (session.evidence / "big.partial").read_bytes() == BIG[:7_000_001]
    await session.end("done")
    verdict = await verify(journal, session.id)
    assert verdict.ok, verdict.lines


async def test_a_partial_that_changed_on_the_broker_is_not_gone_on_with(
    session: SessionJournal,
) -> None:
    partial = session.evidence / "x.partial"
    partial.write_bytes(b"hexlo")
    held = Held("/x", partial, 5, sha256(b"hello"))
    file = Incoming(session, 2, into("/x", 10, 5), "x", 1 << 30, held)
    await feed(file, b"world")
    file.expected = items.Taken(10, sha256(b"helloworld"))
    with pytest.raises(Failed, match="is not what its record says"):
        await file.take()


async def test_a_partial_that_became_a_link_is_not_followed(
    session: SessionJournal, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"hello")
    (session.evidence / "x.partial").symlink_to(outside)
    held = Held("/x", session.evidence / "x.partial", 5, sha256(b"hello"))
    file = Incoming(session, 2, into("/x", 10, 5), "x", 1 << 30, held)
    with pytest.raises(Failed, match="cannot be read: Too many levels"):
        await file.take()


async def test_below_the_reserve_it_ends_and_says_so(session: SessionJournal) -> None:
    file = incoming(session, "big", into("/big", len(BIG)))
    file.reserve = 1 << 60
    await feed(file, BIG)
    file.expected = items.Taken(len(BIG), sha256(BIG))
    with pytest.raises(Refused, match="must keep"):
        await file.take()
    await file.keep_partial()
    assert os.listdir(session.evidence) == ["big.partial"]


MIB = 1 << 20
SPARSE: list[bytes | int] = [
    b"head" * 5000,
    20 * MIB,
    b"middle",
    3 * MIB + 7,
    bytes(range(256)) * 9000,
    2 * HOLE,
]
"""Bytes, and how long the holes between them are."""
WHOLE = b"".join(piece if isinstance(piece, bytes) else bytes(piece) for piece in SPARSE)
HOLES = sum(piece for piece in SPARSE if isinstance(piece, int))


def announced(offset: int = 0) -> items.Into:
    return items.Into("file", Name("/sparse"), size=len(WHOLE), offset=offset, holes=HOLES)


async def feed_sparse(file: Incoming, pieces: list[bytes | int]) -> None:
    for piece in pieces:
        if isinstance(piece, bytes):
            await feed(file, piece)
            continue
        for start in range(0, piece, HOLE):
            drained = asyncio.Event()
            file.on_drained = drained.set
            if not file.skip(min(HOLE, piece - start)):
                await drained.wait()


def sparse(session: SessionJournal, offset: int = 0, held: Held | None = None) -> Incoming:
    """What has at most 5 MiB of data."""
    into = announced(offset)
    return Incoming(session, 1 + bool(held), into, "sparse", 5 * MIB, held, 1 << 30)


async def test_holes_stay_holes_and_are_hashed_as_zeros(
    journal: Journal, session: SessionJournal
) -> None:
    spent: list[int] = []
    file = sparse(session)
    file.spend = spent.append
    await feed_sparse(file, SPARSE)
    file.expected = items.Taken(len(WHOLE), sha256(WHOLE))
    taken = await file.take()
    assert (taken.bytes, taken.holes, sum(spent)) == (len(WHOLE), HOLES, len(WHOLE) - HOLES)
    kept = session.evidence / "sparse"
    assert kept.read_bytes() == WHOLE
    assert kept.stat().st_blocks * 512 < 4 * MIB
    record = (await bodies(journal, session))[-1]
    assert record == EvidenceTaken(1, "sparse", "/sparse", len(WHOLE), sha256(WHOLE), HOLES)


@pytest.mark.parametrize("cut", range(1, len(SPARSE) + 1))
async def test_a_sparse_file_goes_on_where_it_broke_and_is_sparse_again(
    session: SessionJournal, cut: int
) -> None:
    held: list[Held] = []
    file = sparse(session)
    file.on_partial = held.append
    await feed_sparse(file, SPARSE[:cut])
    await file.keep_partial()
    came = sum(piece if isinstance(piece, int) else len(piece) for piece in SPARSE[:cut])
    holes = sum(piece for piece in SPARSE[:cut] if isinstance(piece, int))
    assert (held[0].size, held[0].holes, held[0].sha256) == (came, holes, sha256(WHOLE[:came]))
    assert held[0].file.stat().st_blocks * 512 < 4 * MIB
    again = sparse(session, came, held[0])
    await feed_sparse(again, SPARSE[cut:])
    again.expected = items.Taken(len(WHOLE), sha256(WHOLE))
    assert (await again.take()).holes == HOLES
    assert (session.evidence / "sparse").read_bytes() == WHOLE
    assert (session.evidence / "sparse").stat().st_blocks * 512 < 4 * MIB


async def test_a_partial_that_became_shorter_is_not_gone_on_with(session: SessionJournal) -> None:
    partial = session.evidence / "x.partial"
    partial.write_bytes(b"hel")
    held = Held("/x", partial, 5, sha256(b"hello"))
    file = Incoming(session, 2, into("/x", 10, 5), "x", 1 << 30, held)
    await feed(file, b"world")
    file.expected = items.Taken(10, sha256(b"helloworld"))
    with pytest.raises(Failed, match="is not what its record says"):
        await file.take()


async def test_data_counts_and_the_whole_has_a_limit_of_its_own(session: SessionJournal) -> None:
    with pytest.raises(Refused, match="has 6 bytes of data in its 100, at most 5 are taken; noth"):
        holes = items.Into("file", Name("/x"), size=100, holes=94)
        Incoming(session, 1, holes, "x", 5, None, 1000)
    with pytest.raises(Refused, match="has 1,001 bytes with its holes, at most 1,000 are taken"):
        holes = items.Into("file", Name("/x"), size=1001, holes=1000)
        Incoming(session, 1, holes, "x", 5, None, 1000)
    assert os.listdir(session.incoming(1).parent) == []


async def test_a_device_that_sends_more_than_its_holes_left_over_is_stopped(
    session: SessionJournal,
) -> None:
    """What was counted at the opening is a claim, and the file may have been written since."""
    lying = items.Into("file", Name("/x"), size=100, holes=99)
    file = Incoming(session, 1, lying, "x", 5, None, 1000)
    assert file.feed(b"12345")
    with pytest.raises(Refused, match="has more than the 5 bytes of data that are taken"):
        file.feed(b"6")
    assert file.skip(95)
    with pytest.raises(Refused, match="sent more than was announced"):
        file.skip(1)
    await file.keep_partial()


async def test_holes_that_wait_for_their_hash_pause_the_device(session: SessionJournal) -> None:
    into = items.Into("file", Name("/x"), size=1 << 40, holes=1 << 40)
    file = Incoming(session, 1, into, "x", 5, None, 1 << 40)
    fed = 1
    while file.skip(HOLE):
        fed += 1
    assert fed == 8
    await file.keep_partial()
    assert file.size == fed * HOLE
