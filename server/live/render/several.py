"""One command's items from several devices, shown as one result: as they come, the device first.

1. Rows of all devices are one table, array or CSV. Text has its device before each whole line.
2. A device that failed, or says something beside its rows, is a line of its own.
3. What is held back is bounded for each device, and given up with its end.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from commands.language import items, names
from commands.language.command import Command
from commands.language.errors import FirelineError
from commands.language.items import Row
from commands.language.line import Options
from commands.language.visible import visible
from server.live.render import files, messages
from server.live.render.merged import merged, of_device
from server.live.render.renderer import HOLD_S
from server.live.render.rows import Csv, Form, Json, form
from server.live.render.shown import NOTHING, Shown, encoded, err, out
from server.live.render.style import Style, dim, red
from server.live.render.table import Table
from server.live.render.text import Exact, Visible

MOST_NOTES = 5
"""Of one device; there may be a thousand of them."""
LONGEST_LINE = 16 * 1024
JSON_PIECE = 64 * 1024
WIDEST_NAME = 24
_NUMBER = re.compile(r", #[0-9]+\Z", re.ASCII)
"""Of the device's own session, which nobody stands in."""


class SeveralRenderer:
    """Made for one run of one command; `part` of each device, `end` once."""

    def __init__(
        self,
        command: Command,
        options: Options,
        style: Style,
        number: int | None,
        devices: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.options, self.style, self.number = command.spec, options, style, number
        self.count = 0
        self.deadline: float | None = None
        self._of = len(devices)
        self._least = {"device": min(max(map(len, devices), default=0), WIDEST_NAME)}
        self._row_type = command.row_type()
        self._form: Form | Table | None = None
        self._clock = clock

    @property
    def for_program(self) -> bool:
        return self.options.output in ("json", "csv")

    def part(self, device: str, session: str | None) -> "Part":
        """What one device gives."""
        return Part(self, device, session)

    def row(self, row: Row) -> Shown:
        """A row that names its device."""
        self.count += 1
        text = self._rows(type(row)).add(row)
        if isinstance(self._form, Table):
            if not self._form.holding:
                self.deadline = None
            elif self.deadline is None:
                self.deadline = self._clock() + HOLD_S
        return out(text)

    @property
    def json(self) -> Json:
        """The one array, for what is no row."""
        found = self._rows(None)
        assert isinstance(found, Json)
        return found

    def _rows(self, row: type[Row] | None) -> "Form | Table":
        if self._form is None:
            output = self.options.output or "table"
            declared = row if row is not None or self._row_type is None else merged(self._row_type)
            made = form(output, declared, self.style)
            self._form = Table(self.style, self._least) if isinstance(made, Table) else made
        return self._form

    def tick(self) -> Shown:
        """What was held back long enough."""
        if self.deadline is None or self._clock() < self.deadline:
            return NOTHING
        self.deadline = None
        return out(self._form.fix()) if isinstance(self._form, Table) else NOTHING

    def said(self, device: str, error: FirelineError, target: str | None = None) -> Shown:
        """What became of one device that did not answer."""
        if self.options.output == "json":
            return messages.error_shown(error, self.style, "json", target, device)
        text = f"{device}: {visible(told(device, self.spec.word, error))}"
        if not self.style.terminal:
            return err(f"{text}\n")
        line = messages.wrapped(text, self.style.width)
        before = f"{device}: "
        return out(before + red(error.word, self.style) + line[len(before + error.word) :] + "\n")

    def end(self, counts: Mapping[str, int], not_begun: int, took: float) -> Shown:
        """Closing brackets, and on a terminal the one footer."""
        self.deadline = None
        if self._form is None and self.for_program:
            self._rows(None)
        shown = NOTHING if self._form is None else out(self._form.end())
        if not self.style.terminal or isinstance(self._form, Json | Csv):
            return shown
        text = messages.wrapped(self._footer(Counter(counts), not_begun, took), self.style.width)
        return shown + out(dim(text, self.style) + "\n")

    def _footer(self, counts: Counter[str], not_begun: int, took: float) -> str:
        first = counted(counts, self._of, not_begun)
        if self._row_type is not None or self.count:
            first = f"{messages.rows(self.count)}; {first}"
        sentences = [", ".join([first, *messages.ended(took, self.number)])]
        if isinstance(self._form, Table) and self._form.cut:
            sentences.append(f"Cut: {' '.join(self._form.cut)}")
        if isinstance(self._form, Table) and self._form.not_shown:
            sentences.append(f"Not shown: {' '.join(self._form.not_shown)}")
        return ". ".join(sentences)

    def progress(self, done: int, running: int, took: float) -> str:
        """The line that is redrawn; none for a program and without a terminal."""
        if not self.style.terminal or self.for_program:
            return ""
        rows = [messages.rows(self.count)] if self._row_type is not None else []
        parts = [
            f"{done:,} of {self._of:,} devices", f"{running} running", *rows,
            messages.duration(took),
        ]  # fmt: skip
        line = f"{'  '.join(parts)}   Ctrl-C stop"
        return (
            line if len(line) < self.style.columns else "  ".join(parts)[: self.style.columns - 1]
        )


def counted(counts: Mapping[str, int], of: int, not_begun: int) -> str:
    """`of 12 devices 11 answered, 1 unreachable`."""
    parts = [f"{count:,} {outcome}" for outcome, count in counts.items() if count]
    parts += [f"{not_begun:,} not begun"] if not_begun else []
    devices = "1 device" if of == 1 else f"{of:,} devices"
    return f"of {devices} {', '.join(parts) or 'none answered'}"


def told(device: str, word: str, error: FirelineError) -> str:
    """The error after its device's name: what it repeats of that is left out."""
    said = str(error)
    for known, short in (
        (f"{device} is ", ""),
        (f"{device}: ", ""),
        (f"{word} on {device}: ", ""),
        (f"{word} on {device} ", f"{word} "),
    ):
        if said.startswith(known):
            said = short + said.removeprefix(known)
            break
    return f"{error.word}: {_NUMBER.sub('', said)}"


class Part:
    """What one device gives, fed in order."""

    def __init__(self, whole: SeveralRenderer, device: str, session: str | None) -> None:
        self._whole, self.device = whole, device
        self._text: Visible | Exact | None = None
        self._lines = {"out": "", "err": ""}
        self._moved = files.Moved(device, session)
        self._file = False
        self._notes = 0

    def item(self, item: items.Item) -> Shown:
        """What is shown of it now."""
        match item:
            case Row():
                return self._whole.row(of_device(self.device, item))
            case bytes():
                return NOTHING if self._file else self._texted(item)
            case items.Into(where="file"):
                self._file = True
                self._moved.into(item)
            case items.Into():
                self._file = False
                self._texts().into(item)
            case items.Taken():
                self._moved.taken(item)
            case items.Written():
                self._moved.written(item)
            case items.Folder():
                return self._note(names.shown(item.path))
            case items.Note():
                return self._note(item.text)
            case items.Undoable():
                return self._note(f"undo: {item.line}")
        return NOTHING

    def end(
        self, *, well: bool, evidence: Sequence[files.Kept], exit_code: int | None, target: str
    ) -> Shown:
        """The rest of it; files only where it ended well."""
        shown = NOTHING
        if self._text is not None:
            shown += self._ended_text(exit_code)
        self._moved.evidence = evidence
        if well:
            shown += self._files()
        if self._notes > MOST_NOTES:
            shown += self._said(f"and {self._notes - MOST_NOTES:,} more notes, in {target}")
        return shown

    # Text.
    def _texts(self) -> Visible | Exact:
        if self._text is None:
            whole = self._whole
            if whole.options.output == "json":
                self._text = Exact(whole.json, self.device, JSON_PIECE)
            else:
                self._text = Visible(terminal=False, raw=False)
        return self._text

    def _texted(self, data: bytes) -> Shown:
        text = self._texts()
        shown = text.add(data)
        return shown if isinstance(text, Exact) else self._prefixed(shown, final=False)

    def _ended_text(self, exit_code: int | None) -> Shown:
        text = self._texts()
        shown = text.end(exit_code)
        return shown if isinstance(text, Exact) else self._prefixed(shown, final=True)

    def _prefixed(self, shown: Shown, *, final: bool) -> Shown:
        """Whole lines with the device before each; both streams share a terminal's screen."""
        found = self._lined("out", shown.out, final)
        other = self._lined("err", shown.err, final)
        if self._whole.style.terminal:
            return out(found + other)
        return Shown(encoded(found), encoded(other))

    def _lined(self, stream: str, data: bytes, final: bool) -> str:
        text = self._lines[stream] + data.decode("utf-8")
        *whole, rest = text.split("\n")
        if rest and (final or len(rest) > LONGEST_LINE):
            whole, rest = [*whole, rest], ""
        self._lines[stream] = rest
        mark = "! " if stream == "err" and self._whole.style.terminal else ""
        return "".join(f"{self.device}: {mark}{line}\n" for line in whole)

    # What is said beside.
    def _files(self) -> Shown:
        whole = self._whole
        shown = NOTHING
        if whole.for_program:
            for row in self._moved.rows():
                shown += whole.row(of_device(self.device, row))
            return shown
        for line in self._moved.lines(None, None, whole.style):
            shown += out(f"{self.device}: {line}\n")
        return shown

    def _note(self, text: str) -> Shown:
        self._notes += 1
        return self._said(text) if self._notes <= MOST_NOTES else NOTHING

    def _said(self, text: str) -> Shown:
        whole = self._whole
        style, answers = whole.style, whole.spec.queued
        return messages.note_shown(text, style, whole.options.output, self.device, answers=answers)
