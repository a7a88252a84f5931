"""A table that streams: rows are held until the widths are known, then each passes at once."""

from collections.abc import Mapping
from dataclasses import replace

from commands.language.columns import Field, fields
from commands.language.items import Row
from server.live.render.cells import cell
from server.live.render.layout import GAP, Layout, fitted, natural
from server.live.render.style import Style, bold
from server.live.render.width import cut, padded, width

HELD_ROWS = 200
HELD_CHARACTERS = 1 << 20


class Table:
    """Text for rows; `cut` and `not_shown` are what the footer has to name."""

    def __init__(self, style: Style, least: Mapping[str, int] | None = None) -> None:
        """`least`: how wide a column is at least, where more is known than its first rows."""
        self.style = style
        self._least = least or {}
        self.count = 0
        self.cut: list[str] = []
        self.not_shown: list[str] = []
        self._fields: tuple[Field, ...] = ()
        self._held: list[list[str]] = []
        self._size = 0
        self._layout: Layout | None = None

    @property
    def holding(self) -> bool:
        """Whether rows wait for the widths."""
        return bool(self._held)

    def add(self, row: Row) -> str:
        """Text for now: nothing while widths are being learnt."""
        self._fields = self._fields or fields(type(row))
        self.count += 1
        cells = [cell(f, getattr(row, f.name), self.style.zone) for f in self._fields]
        if self._layout is not None:
            return self._line(cells, self._layout)
        self._held.append(cells)
        self._size += sum(map(len, cells))
        if len(self._held) >= HELD_ROWS or self._size >= HELD_CHARACTERS:
            return self.fix()
        return ""

    def fix(self) -> str:
        """Fixes the widths by what has come, and gives titles and held rows."""
        if not self._held:
            return ""
        widths = [
            max(
                width(field.name),
                self._least.get(field.name, 0),
                *(width(cells[i]) for cells in self._held),
            )
            for i, field in enumerate(self._fields)
        ]
        self._layout = (
            fitted(self._fields, widths, self.style.width)
            if self.style.terminal
            else natural(self._fields, widths)
        )
        self.not_shown = [
            field.name
            for i, field in enumerate(self._fields)
            if i not in self._layout.shown and not field.column.wide
        ]
        held, self._held = self._held, []
        return self.titles() + "".join(self._line(cells, self._layout) for cells in held)

    def titles(self) -> str:
        """The line of titles."""
        if self._layout is None:
            return ""
        line = self._aligned([field.name for field in self._fields], self._layout)
        return bold(line, self.style) + "\n"

    def end(self) -> str:
        """What is still held; titles again when they have left a terminal's window."""
        text = self.fix()
        if self.style.terminal and self.count >= self.style.rows - 2:
            text += self.titles()
        return text

    def _line(self, cells: list[str], layout: Layout) -> str:
        elastic = layout.elastic
        if elastic is not None:
            layout = _pressed(cells, layout)
            room = layout.widths[layout.shown.index(elastic)]
            text = cut(cells[elastic], room) if room else ""
            if text != cells[elastic]:
                cells[elastic] = text
                name = self._fields[elastic].name
                if name not in self.cut:
                    self.cut.append(name)
        return self._aligned(cells, layout) + "\n"

    def _aligned(self, cells: list[str], layout: Layout) -> str:
        parts = [
            padded(cells[i], columns, self._fields[i].right)
            for i, columns in zip(layout.shown, layout.widths, strict=True)
        ]
        return (" " * GAP).join(parts).rstrip(" ")


def _pressed(cells: list[str], layout: Layout) -> Layout:
    """With less for the elastic column where a row that came later is wider than its columns."""
    pairs = list(zip(layout.shown, layout.widths, strict=True))
    over = sum(max(0, width(cells[i]) - wide) for i, wide in pairs if i != layout.elastic)
    if not over:
        return layout
    widths = [max(0, wide - over) if i == layout.elastic else wide for i, wide in pairs]
    return replace(layout, widths=tuple(widths))
