"""Row types as fields: kinds, lists, and the column that each declares."""

import typing

import msgspec
import pytest

from commands.language.columns import fields
from commands.language.command import discover
from commands.language.host.processes import ProcessRow
from commands.language.items import Row


def test_each_field_has_its_kind() -> None:
    kinds = {f.name: (f.kind, f.many) for f in fields(ProcessRow)}
    assert kinds["name"] == kinds["path"] == ("name", False)
    assert kinds["creation_time"] == ("time", False)
    assert kinds["pid"] == kinds["cpu"] == ("number", False)
    assert kinds["deleted"] == ("flag", False) and kinds["user_name"] == ("text", False)
    assert kinds["arguments"] == ("name", True)


ROWS = sorted({c.spec.rows for c in discover().values() if c.spec.rows}, key=lambda r: r.__name__)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_every_row_type_has_an_identity_and_at_most_one_elastic_column(row: type[Row]) -> None:
    assert any(f.column.identity for f in fields(row))
    assert sum(f.column.elastic for f in fields(row)) <= 1
    assert not any(f.column.identity and f.column.wide for f in fields(row))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
def test_every_whole_number_of_a_row_has_64_bits_at_most(row: type[Row], number: int) -> None:
    kinds = typing.get_type_hints(row, include_extras=True)
    numbers = [f.name for f in fields(row) if f.kind in ("number", "time")]
    for kind in [kinds[name] for name in numbers if _is_whole(kinds[name])]:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(str(number), type=kind)


def _is_whole(kind: object) -> bool:
    try:
        msgspec.json.decode("0.5", type=kind)
    except msgspec.ValidationError:
        return True
    return False
