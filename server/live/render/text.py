"""stdout, stderr and text of a command: visible on a screen, as received with -raw, exact in JSON.

On a terminal both streams share the screen, so each line of stderr begins with `! `.
"""

import base64
import codecs
from typing import Any, Literal, Protocol

from commands.language.items import Into
from server.live.render.pages import Pages
from server.live.render.rows import Json
from server.live.render.shown import NOTHING, Shown, encoded, out
from server.live.render.width import wrapped

Where = Literal["stdout", "stderr", "text"]
MARK = "! "
JSON_PIECE = 1 << 20


class Text(Protocol):
    """What shows a command's bytes."""

    both: bool

    def into(self, item: Into) -> Shown: ...
    def add(self, data: bytes) -> Shown: ...
    def end(self, exit_code: int | None) -> Shown: ...


class Visible:
    """Decoded and escaped; `raw` gives the bytes as they came."""

    def __init__(self, terminal: bool, raw: bool, columns: int | None = None) -> None:
        self.terminal, self.raw = terminal, raw
        self._columns = columns
        """Where an answer of the broker's own is broken, between words; a device's text never."""
        self.both = False
        self._pages: dict[tuple[str, str, str], Pages] = {}
        self._at: tuple[str, str, str] = ("stdout", "", "utf-8")
        self._last = "stdout"
        self._line_start = True
        self._seen: set[str] = set()

    def into(self, item: Into) -> Shown:
        self._at = (item.where, item.name, item.page)
        return NOTHING

    def add(self, data: bytes) -> Shown:
        self._note(self._at[0])
        if self.raw:
            return Shown(err=data) if self._at[0] == "stderr" else Shown(out=data)
        pages = self._pages.setdefault(self._at, Pages(self._at[2]))
        return self._placed(self._at[0], pages.visible(data))

    def end(self, exit_code: int | None) -> Shown:
        rest = NOTHING
        for (where, _, _), pages in self._pages.items():
            rest += self._placed(where, pages.visible(b"", final=True))
        if self.terminal and not self._line_start:
            self._line_start = True
            rest += Shown(out=b"\n")
        return rest

    def _note(self, where: str) -> None:
        self._seen.add(where)
        self.both = {"stdout", "stderr"} <= self._seen

    def _placed(self, where: str, text: str) -> Shown:
        if not text:
            return NOTHING
        if not self.terminal:
            data = encoded(text)
            return Shown(err=data) if where == "stderr" else Shown(out=data)
        if self._columns is not None:
            text = "\n".join(wrapped(text, self._columns))
        before = "" if self._line_start or where == self._last else "\n"
        marked = _marked(text, self._line_start or bool(before)) if where == "stderr" else text
        self._last, self._line_start = where, text.endswith("\n")
        return out(before + marked)


def _marked(text: str, at_start: bool) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(
        line if not at and not at_start else MARK + line for at, line in enumerate(lines)
    )


class Exact:
    """-output json: one row, or more when there is much; the fields of all rows concatenate."""

    def __init__(self, json: Json | None = None, device: str = "", piece: int = JSON_PIECE) -> None:
        """With the array of several devices each row names its own."""
        self.both = False
        self._json, self._closes = json or Json(), json is None
        self._first = {"device": device} if device else {}
        self._piece = piece
        self._where: Where = "stdout"
        self._page: dict[str, str] = {}
        self._held: dict[str, bytes] = {}
        self._size = 0

    def into(self, item: Into) -> Shown:
        if item.where != "file":
            self._where = item.where
            self._page[item.where] = item.page
        return NOTHING

    def add(self, data: bytes) -> Shown:
        self._held[self._where] = self._held.get(self._where, b"") + data
        self._size += len(data)
        if self._size < self._piece:
            return NOTHING
        return self._row({}, final=False)

    def end(self, exit_code: int | None) -> Shown:
        more = {} if exit_code is None else {"exit_code": exit_code}
        last = self._row(more, final=True) if self._held or more else NOTHING
        return last + out(self._json.end()) if self._closes else last

    def _row(self, more: dict[str, Any], *, final: bool) -> Shown:
        held, self._held, self._size = self._held, {}, 0
        row: dict[str, Any] = {}
        for where, data in held.items():
            text, rest = _whole(data, final)
            if rest:
                self._held[where] = rest
                self._size += len(rest)
            if text is None:
                row[f"{where}_base64"] = base64.b64encode(data).decode("ascii")
                row["page"] = self._page.get(where, "utf-8")
            elif text or final:
                row[where] = text
        return out(self._json.line({**self._first, **row, **more})) if row or more else NOTHING


def _whole(data: bytes, final: bool) -> tuple[str | None, bytes]:
    """The UTF-8 text of a piece and what of its last character is still to come; None: none."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(data, final)
    except UnicodeDecodeError:
        return None, b""
    return text, decoder.getstate()[0]
