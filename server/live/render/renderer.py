"""One command's items, shown as they come: what a door writes to its two streams, and when."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from commands.language import items, names
from commands.language.columns import fields
from commands.language.command import Command, Spec
from commands.language.errors import FirelineError
from commands.language.items import Row
from commands.language.line import Options
from commands.language.visible import visible
from server.live.render import files, messages
from server.live.render.rows import Form, Json, form
from server.live.render.shown import NOTHING, Shown, err, out
from server.live.render.style import Style, dim
from server.live.render.table import Table
from server.live.render.text import Exact, Text, Visible

HOLD_S = 0.3
MOST_NOTES = 100
RATE_OF = 20
"""Looks at the progress that the rate is of; older ones would hide that it stands still."""


class Renderer:
    """Feed it every item, `tick` it at `deadline`, `end` it once."""

    def __init__(
        self,
        spec: Spec,
        options: Options,
        style: Style,
        number: int | None = None,
        device: str | None = None,
        *,
        session: str | None = None,
        record: bool = False,
        has_rows: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.options, self.style = spec, options, style
        self.number, self.device, self.session = number, device, session
        self.where = device or "the broker"
        """Who is waited for."""
        self.count = 0
        self.deadline: float | None = None
        self.exit_code: int | None = None
        self.took: float | None = None
        """What is shown as its time, where it is another command's result that is shown."""
        self._has_rows = bool(spec.rows) if has_rows is None else has_rows
        self._record = record or bool(spec.rows and spec.rows.record)
        self._clock = clock
        self._form: Form | None = None
        self._text: Text | None = None
        self._file = False
        self._found = NOTHING
        """The text of a word with a verdict, which has the first line."""
        self._moved = files.Moved(device, session)
        self._notes: list[str] = []
        self._more_notes = 0
        self._progress: deque[tuple[int, float]] = deque(maxlen=RATE_OF)

    @classmethod
    def of(
        cls,
        command: Command,
        options: Options,
        style: Style,
        number: int | None = None,
        device: str | None = None,
        *,
        session: str | None = None,
    ) -> "Renderer":
        """The renderer of a command's value."""
        return cls(
            command.spec, options, style, number, device, session=session,
            record=gives_one_record(command), has_rows=command.has_rows(),
        )  # fmt: skip

    @property
    def evidence(self) -> Sequence[files.Kept]:
        """What the command brought into the evidence, as it comes."""
        return self._moved.evidence

    @evidence.setter
    def evidence(self, kept: Sequence[files.Kept]) -> None:
        self._moved.evidence = kept

    def item(self, item: items.Item) -> Shown:
        """What an item shows now; nothing while it is held back."""
        match item:
            case Row():
                return self._row(item)
            case bytes():
                return NOTHING if self._file else self._text_shown(self._texts().add(item))
            case items.Into(where="file"):
                self._file = True
                self._moved.into(item)
            case items.Into():
                self._file = False
                return self._texts().into(item)
            case items.Taken():
                self._moved.taken(item)
            case items.Written():
                self._moved.written(item)
            case items.Folder() if self._for_program:
                return self._row(files.FolderRow(folder=item.path))
            case items.Folder():
                shown = names.shown(item.path) + "\n"
                return out(shown) if self.style.terminal else err(shown)
            case items.Note():
                return self._note(item.text)
            case items.Undoable():
                return self._note(f"undo: {item.line}")
            case items.Done():
                self.exit_code = item.exit_code
        return NOTHING

    def tick(self) -> Shown:
        """What was held back long enough."""
        if self.deadline is None or self._clock() < self.deadline:
            return NOTHING
        self.deadline = None
        return out(self._form.fix()) if isinstance(self._form, Table) else NOTHING

    def end(
        self,
        error: FirelineError | None,
        took: float | None,
        notes: Sequence[str] = (),
        *,
        target: str | None = None,
        rule: str | None = None,
        exit_code: int | None = None,
    ) -> Shown:
        """The rest: rows, closing brackets, notes, then the footer or the error."""
        self.deadline = None
        took = took if self.took is None else self.took
        if exit_code is not None:
            self.exit_code = exit_code
        shown = self._moved_rows() if error is None else NOTHING
        shown += self._text_shown(self._last())
        found, self._found = self._found, NOTHING
        for note in notes:
            self._keep(note)
        for note in self._kept_notes():
            shown += messages.note_shown(
                note, self.style, self.options.output, answers=self.spec.queued
            )
        if error is None:
            return shown + found + self._well(took)
        shown += self._footer(took) if self.count else NOTHING
        error = self._told(error, took)
        if target is None and self.session is not None and self.number is not None:
            target = f"{self.session}#{self.number}"
        return (
            shown
            + messages.error_shown(
                error, self.style, self.options.output, target, self.device, rule
            )
            + found
        )

    def progress(self, progress: items.Progress | None, took: float) -> str:
        """The line that is redrawn while it runs; without a terminal there is none."""
        if not self.style.terminal or self.options.output in ("json", "csv"):
            return ""
        if progress is None:
            rows = f", {messages.rows(self.count)} so far" if self.count else ""
            return messages.fitted(
                [f"waiting for {self.where}, {messages.duration(took)}{rows}"], self.style.columns
            )
        self._progress.append((progress.done, took))
        done, since = self._progress[0]
        moves = (self._file and not self._has_rows) or self.spec.word in ("getfile", "putfile")
        return messages.progress_line(
            progress, took, self.style.columns, start=done, since=since, size=moves
        )

    def _row(self, row: Row) -> Shown:
        self.count += 1
        if self._form is None:
            output = self.options.output or ("list" if self._record else "table")
            self._form = form(output, type(row), self.style)
        text = self._form.add(row)
        if isinstance(self._form, Table):
            holding = self._form.holding
            if not holding:
                self.deadline = None
            elif self.deadline is None:
                self.deadline = self._clock() + HOLD_S
        return out(text)

    def _texts(self) -> Text:
        if self._text is None:
            exact = self.options.output == "json" and self._form is None
            ours = self.spec.group in ANSWERING and self.style.terminal
            columns = self.style.width if ours else None
            self._text = (
                Exact() if exact else Visible(self.style.terminal, self.options.raw, columns)
            )
        return self._text

    def _text_shown(self, shown: Shown) -> Shown:
        if not self.spec.verdict:
            return shown
        self._found += shown
        return NOTHING

    def _note(self, text: str) -> Shown:
        answers = not (self._has_rows or self.spec.text or self._text is not None)
        answers = answers and self.spec.group in ANSWERING
        if answers and not self._for_program:
            lines = messages.wrapped(visible(text), self.style.width)
            return out((lines if self.style.terminal else visible(text)) + "\n")
        if not self.style.terminal or self.options.output == "json":
            return messages.note_shown(text, self.style, self.options.output)
        self._keep(text)
        return NOTHING

    def _keep(self, note: str) -> None:
        if len(self._notes) < MOST_NOTES:
            self._notes.append(note)
        else:
            self._more_notes += 1

    def _kept_notes(self) -> list[str]:
        if not self._more_notes:
            return self._notes
        whole = "-output json" if self.number is None else f"status {self.number} -output json"
        return [*self._notes, f"and {self._more_notes:,} more notes; {whole} has them all"]

    def _last(self) -> Shown:
        """What forms still hold; an array is closed, titles stand even over no rows."""
        if self._form is None and self._text is None:
            if self.options.output == "json" and not self.spec.rows:
                self._text = Exact()
            elif self.options.output in ("json", "csv"):
                self._form = form(self.options.output, self.spec.rows, self.style)
        shown = NOTHING if self._text is None else self._text.end(self.exit_code)
        return shown if self._form is None else out(self._form.end()) + shown

    @property
    def _for_program(self) -> bool:
        return self.options.output in ("json", "csv")

    def _moved_rows(self) -> Shown:
        """Files as rows where sentences would be no JSON and no CSV."""
        shown = NOTHING
        if self._for_program and self._text is None:
            for row in self._moved.rows():
                shown += self._row(row)
        return shown

    def _well(self, took: float | None) -> Shown:
        if not self._for_program and (lines := self._moved.lines(took, self.number, self.style)):
            return out("".join(f"{line}\n" for line in lines))
        return self._footer(took)

    def _footer(self, took: float | None) -> Shown:
        if not self.style.terminal or isinstance(self._form, Json) or self.options.output == "csv":
            return NOTHING
        if isinstance(self._form, Table):
            text = messages.footer(
                self.count, took, self.number, self._form.cut, self._form.not_shown
            )
        elif self.count > 1 or (self._has_rows and not self.count):
            # An action that waits has looked at nothing yet: no rows are no answer of it.
            text = messages.footer(self.count, took, self.number)
            if self.spec.queued and not self.count:
                text = ", ".join(messages.ended(took, self.number))
        elif self._text is not None and self.spec.group not in ANSWERING:
            code = [] if self.exit_code is None else [f"exit code {self.exit_code}"]
            text = ", ".join([*code, *messages.ended(took, self.number)])
        else:
            return NOTHING
        return (
            out(dim(messages.wrapped(text, self.style.width), self.style) + "\n")
            if text
            else NOTHING
        )

    def _told(self, error: FirelineError, took: float | None) -> FirelineError:
        """The error with its time and number, where a person reads them."""
        message = str(error)
        ran = error.code in ("failed", "timed_out", "cancelled", "interrupted")
        # The broker refuses before there is a command; a device refuses one that has its number.
        ran = ran or (error.code == "refused" and self.device is not None)
        if not self.style.terminal or self.options.output == "json" or not ran or self.count:
            return error
        if self.number is None or f"#{self.number}" in message:
            return error
        message = ", ".join([message, *messages.ended(took, self.number)])
        if self._text is not None and self._text.both:
            message += f"; status {self.number} has both"
        return type(error)(message)


ANSWERING = ("here", "broker")
"""Groups whose words answer at the desk: their notes are the answer, their texts need no footer."""


def gives_one_record(command: Command) -> bool:
    """Whether the value names one thing by a number that is part of its row's identity."""
    row = command.spec.rows
    if row is None:
        return False
    identity = {
        f.name for f in fields(row) if f.column.identity and (f.kind == "number" or f.name == "id")
    }
    return row.record or any(
        p.name in identity and getattr(command, p.name) is not None for p in command.spec.parameters
    )
