"""Packages: whole, cut off, what a device only calls one, and where each is found."""

import io
import zipfile
import zlib

import pytest

from commands.language import items, zipped
from commands.language.errors import Failed
from commands.language.zipped import Entry, central, header
from server.audit.journal import Journal
from server.audit.package_records import PackageKept
from server.audit.session import SessionJournal
from server.audit.verify import verify
from server.evidence import packages
from server.evidence.incoming import Incoming
from server.evidence.packages import Package, named
from tests.evidence.conftest import feed, into, sha256

NAME = "web-02-20261129T095612Z.zip"


def member(name: str, data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    entry = Entry(name, 1, len(data), len(packed), zlib.crc32(data))
    return header(entry) + packed


def package(*names: str) -> bytes:
    """A package as a shim makes it, of members that hold their names."""
    data, entries = b"", []
    for name in names:
        made = member(name, name.encode())
        size = len(made) - len(header(Entry(name, 1)))
        entries.append(Entry(name, 1, len(name), size, zlib.crc32(name.encode()), at=len(data)))
        data += made
    return data + central(entries, len(data))


WHOLE = package(zipped.PLAN, "A/a.txt", zipped.DIGESTS, zipped.SIGNATURE)


def incoming(session: SessionJournal) -> Incoming:
    file = Incoming(session, 1, into(NAME, None), NAME, 1 << 30, None)
    file.is_package = True
    return file


async def test_a_whole_one_is_listed_under_a_name_with_its_session(
    journal: Journal, session: SessionJournal
) -> None:
    file = incoming(session)
    await feed(file, WHOLE)
    file.expected = items.Taken(len(WHOLE), sha256(WHOLE))
    taken = await file.take()
    (found,) = await packages.kept(journal.store)
    assert found == Package(session.id, taken.name)
    assert found.name == f"web-02-20261129T095612Z.{session.id}.zip"
    assert named(found.name) == found
    assert await packages.kept(journal.store, "S999") == []


@pytest.mark.parametrize(
    "data",
    [
        b"PK no zip at all",
        WHOLE + b"x",
        package(zipped.PLAN, "../up.txt", zipped.SIGNATURE),
        package(zipped.PLAN, "A/a.txt"),
        package("A/a.txt", zipped.SIGNATURE),
    ],
)
async def test_what_a_device_only_calls_a_package_is_cut_to_its_whole_members(
    journal: Journal, session: SessionJournal, data: bytes
) -> None:
    """Both digests agree, and it is no package: a device that lies, with a zip that climbs out."""
    file = incoming(session)
    await feed(file, data)
    file.expected = items.Taken(len(data), sha256(data))
    with pytest.raises(Failed, match="is no package as a shim makes it"):
        await file.take()
    await file.keep_partial()
    (found,) = await packages.kept(journal.store)
    assert file.kept is not None
    assert found.file == "web-02-20261129T095612Z.partial.zip" == file.kept.name
    kept = (session.evidence / found.file).read_bytes()
    with zipfile.ZipFile(io.BytesIO(kept)) as made:
        assert made.testzip() is None
        assert made.namelist()[-1] == zipped.INCOMPLETE
        assert not any(".." in name for name in made.namelist())
    (record,) = [
        one.body async for one in journal.records(session.id) if isinstance(one.body, PackageKept)
    ]
    assert (record.whole, record.bytes, record.sha256) == (False, len(kept), sha256(kept))
    await session.end("done")
    assert (await verify(journal, session.id)).ok


@pytest.mark.parametrize(
    "name", ["x.zip", "web-02.S0.zip", "web-02.S1.tar", "../x.S1.zip.x", ".S1.zip", ""]
)
def test_another_name_is_none_of_a_package(name: str) -> None:
    assert named(name) is None
