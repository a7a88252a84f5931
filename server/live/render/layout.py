"""Which columns of a table fit a screen, and how wide each becomes; pure (console.md, rule 6).

1. The identity never goes and is never cut.
2. Columns of a lower priority than the elastic one go before it is cut, the lowest first, of
   equal ones the last. It wishes for its natural width, but never for more than WISH.
3. Then the elastic one is cut, down to LEAST; if that is not enough, other columns go as well.
"""

from dataclasses import dataclass

from commands.language.columns import Field

GAP = 2
WISH = 48
LEAST = 12


@dataclass(frozen=True)
class Layout:
    """The columns shown, by place in the row type, and their widths."""

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    elastic: int | None = None
    """The column that is cut to its width."""


def natural(fields: tuple[Field, ...], widths: list[int]) -> Layout:
    """Every table column at its own width: without a terminal."""
    shown = tuple(i for i, field in enumerate(fields) if not field.column.wide)
    return Layout(shown, tuple(widths[i] for i in shown))


def fitted(fields: tuple[Field, ...], widths: list[int], columns: int) -> Layout:
    """The columns that fit, the least important ones left out."""
    shown = [i for i, field in enumerate(fields) if not field.column.wide]
    elastic = next((i for i in shown if fields[i].column.elastic), None)
    wanted = dict(enumerate(widths))
    if elastic is not None:
        wanted[elastic] = min(widths[elastic], WISH)
        level = fields[elastic].column.priority
        _drop(fields, shown, wanted, columns, above=level)
        wanted[elastic] = min(widths[elastic], LEAST)
    _drop(fields, shown, wanted, columns, above=0, last=elastic)
    if elastic is None or elastic not in shown:
        return Layout(tuple(shown), tuple(widths[i] for i in shown))
    room = columns - _total(shown, {**wanted, elastic: 0})
    given = {**wanted, elastic: max(min(widths[elastic], room), 1)}
    # The last column may be given all the room: rows that come later may need it.
    if shown[-1] == elastic:
        given[elastic] = max(room, 1)
    return Layout(tuple(shown), tuple(given[i] for i in shown), elastic)


def _total(shown: list[int], widths: dict[int, int]) -> int:
    return sum(widths[i] for i in shown) + GAP * (len(shown) - 1)


def _drop(
    fields: tuple[Field, ...],
    shown: list[int],
    widths: dict[int, int],
    columns: int,
    *,
    above: int,
    last: int | None = None,
) -> None:
    """Takes columns out of `shown` until the rest fits; `last` goes after all its equals."""
    while _total(shown, widths) > columns:
        loose = [
            i
            for i in shown
            if not fields[i].column.identity
            and fields[i].column.priority > above
            and not (fields[i].column.elastic and above)
        ]
        if not loose:
            return
        shown.remove(max(loose, key=lambda i: (fields[i].column.priority, i != last, i)))
