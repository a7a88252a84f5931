"""Which columns stay."""

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language.columns import Field, fields
from commands.language.host.processes import ProcessRow
from commands.language.items import Column
from server.live.render.layout import GAP, LEAST, Layout, fitted, natural


def column(name: str, priority: int, **more: bool) -> Field:
    return Field(name, "text", Column(priority, **more), False)


FIELDS = (
    column("id", 1, identity=True),
    column("a", 3),
    column("b", 3),
    column("text", 2, elastic=True),
    column("c", 9),
    column("far", 5, wide=True),
)


def names(layout: Layout) -> list[str]:
    return [FIELDS[i].name for i in layout.shown]


def test_the_lowest_goes_first_and_of_equals_the_last() -> None:
    widths = [10, 10, 10, 10, 10, 99]
    assert names(fitted(FIELDS, widths, 60)) == ["id", "a", "b", "text", "c"]
    assert names(fitted(FIELDS, widths, 57)) == ["id", "a", "b", "text"]
    assert names(fitted(FIELDS, widths, 45)) == ["id", "a", "text"]
    assert names(fitted(FIELDS, widths, 33)) == ["id", "text"]


def test_columns_of_a_lower_priority_go_before_the_text_is_cut() -> None:
    layout = fitted(FIELDS, [10, 10, 10, 40, 10, 99], 60)
    assert names(layout) == ["id", "text"] and layout.widths == (10, 48)
    assert fitted(FIELDS, [10, 10, 10, 40, 10, 99], 40).widths == (10, 28)


def test_a_very_long_text_wishes_for_no_more_than_its_share() -> None:
    layout = fitted(FIELDS, [10, 10, 10, 131_000, 10, 99], 120)
    assert names(layout) == ["id", "a", "b", "text", "c"]


def test_the_identity_stays_however_wide_it_is() -> None:
    layout = fitted(FIELDS, [300, 10, 10, 40, 10, 99], 80)
    assert names(layout) == ["id"] and layout.widths == (300,)


def test_without_a_terminal_every_table_column_has_its_own_width() -> None:
    assert natural(FIELDS, [300, 1, 2, 40, 5, 99]).widths == (300, 1, 2, 40, 5)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=20, max_size=20), st.integers(19, 300))
def test_what_is_shown_fits_or_is_the_identity_alone(widths: list[int], columns: int) -> None:
    columns_of = fields(ProcessRow)
    widths = widths[: len(columns_of)]
    layout = fitted(columns_of, widths, columns)
    total = sum(layout.widths) + GAP * (len(layout.shown) - 1)
    shown = [columns_of[i] for i in layout.shown]
    assert total <= columns or all(f.column.identity for f in shown)
    assert {f.name for f in shown} >= {"name", "pid"}
    if layout.elastic is not None:
        given = layout.widths[layout.shown.index(layout.elastic)]
        assert given >= min(LEAST, widths[layout.elastic])
