"""Items on the wire: each comes back, rows travel as their own JSON."""

import msgspec
import pytest

from commands.language import items
from commands.language.host.files import FileRow
from commands.language.items import (
    Done,
    Folder,
    Into,
    Note,
    Progress,
    RowItem,
    Sent,
    Taken,
    Undoable,
    Written,
)
from commands.language.names import Name

ALL: list[Sent] = [
    Progress(1, 2, "x"),
    Into("file", Name("raw:i%FFj"), size=3, offset=1),
    Taken(3, "0" * 64),
    Written(Name("/x"), 3, "a" * 64),
    Written(Name("/x"), 3, "a" * 64, already=True),
    Folder(Name("C:\\Temp")),
    Note("left out: /proc"),
    Undoable("undo file 3"),
    Done("failed", "why", exit_code=3),
]


@pytest.mark.parametrize("item", ALL, ids=lambda item: type(item).__name__)
def test_an_item_comes_back_from_its_frame(item: Sent) -> None:
    assert items.decode(items.encode(item)) == item


def test_a_row_travels_as_its_own_json_and_may_have_fields_that_are_not_known() -> None:
    row = FileRow(path=Name("/x"), is_directory=False, size=3)
    sent = items.decode(items.encode(row))
    assert isinstance(sent, RowItem)
    assert msgspec.json.decode(sent.row, type=FileRow) == row
    newer = items.decode(b'{"item":"row","row":{"path":"/x","is_directory":true,"inode":7}}')
    assert isinstance(newer, RowItem)
    assert msgspec.json.decode(newer.row, type=FileRow).is_directory


def test_an_item_of_the_wrong_shape_is_refused() -> None:
    for frame in (
        b'{"item":"taken","size":-1,"sha256":"' + b"0" * 64 + b'"}',
        b'{"item":"taken","size":1,"sha256":"' + b"0" * 64 + b'\\n"}',
        b'{"item":"into","where":"/etc/passwd"}',
        b'{"item":"note","text":"' + b"x" * 65_537 + b'"}',
        b'{"item":"launch"}',
        b"[]",
        b"\xff",
    ):
        with pytest.raises(msgspec.DecodeError):
            items.decode(frame)


@pytest.mark.parametrize(
    "frame",
    [
        '{"item":"progress","done":%d,"total":1}',
        '{"item":"progress","done":1,"total":%d}',
        '{"item":"into","where":"file","size":%d}',
        '{"item":"into","where":"file","offset":%d}',
        '{"item":"taken","size":%d,"sha256":"' + "0" * 64 + '"}',
        '{"item":"written","path":"/x","size":%d,"sha256":"' + "0" * 64 + '"}',
        '{"item":"done","exit_code":%d}',
    ],
)
def test_a_number_that_no_system_counts_to_is_refused(frame: str) -> None:
    items.decode((frame % 1).encode())
    for number in (2**63, 10**400):
        with pytest.raises(msgspec.ValidationError):
            items.decode((frame % number).encode())
