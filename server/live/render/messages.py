"""Sentences for a person: errors, footers, progress (console.md, rules 3, 5, 6, 9 and 12)."""

from collections.abc import Sequence

from commands.language.errors import FirelineError
from commands.language.items import Progress
from commands.language.line import Output
from commands.language.visible import visible
from server.live.render import width
from server.live.render.rows import compact
from server.live.render.shown import Shown, err, out
from server.live.render.style import Style, dim, red

KEYS = "Ctrl-C stop, Ctrl-Z behind"


def wrapped(text: str, columns: int) -> str:
    """Text in lines of at most `columns`."""
    return "\n".join(width.wrapped(text, columns))


def error_shown(
    error: FirelineError,
    style: Style,
    output: Output | None,
    target: str | None = None,
    device: str | None = None,
    rule: str | None = None,
) -> Shown:
    """An error where it belongs: on the screen, or on standard error."""
    text = error_text(error, style, output, target, device, rule) + "\n"
    return out(text) if style.terminal and output != "json" else err(text)


def error_text(
    error: FirelineError,
    style: Style,
    output: Output | None,
    target: str | None = None,
    device: str | None = None,
    rule: str | None = None,
) -> str:
    """`class word: sentence`, or one JSON object."""
    if output == "json":
        body = {"code": error.code, "message": str(error)}
        body |= {
            k: v
            for k, v in (("target", target), ("device", device), ("rule", rule or error.rule))
            if v
        }
        return compact({"error": body})
    text = visible(error.shown())
    if not style.terminal:
        return text
    return red(error.word, style) + wrapped(text, style.width)[len(error.word) :]


def note_shown(
    note: str, style: Style, output: Output | None, device: str = "", *, answers: bool = False
) -> Shown:
    """A sentence beside the result; or, where a word `answers` by it, the result itself."""
    if output == "json":
        named = {"device": device} if device else {}
        return err(compact({"note": {"message": note, **named}}) + "\n")
    note = f"{device}: {note}" if device else note
    text = visible(note)
    if style.terminal:
        lines = wrapped(text, style.width)
        return out((lines if answers else dim(lines, style)) + "\n")
    return err(text + "\n")


def footer(
    count: int,
    took: float | None,
    number: int | None,
    cut: Sequence[str] = (),
    not_shown: Sequence[str] = (),
) -> str:
    """`1 row, 0.2 s, #4. Cut: … Not shown: … Whole: status 4 -output list`."""
    first = [rows(count), *ended(took, number)]
    sentences = [", ".join(first)]
    if cut:
        sentences.append(f"Cut: {' '.join(cut)}")
    if not_shown:
        sentences.append(f"Not shown: {' '.join(not_shown)}")
    if cut:
        whole = "-output list" if number is None else f"status {number} -output list"
        sentences.append(f"Whole: {whole}")
    return ". ".join(sentences)


def ended(took: float | None, number: int | None) -> list[str]:
    """How long it took and its number, as far as they are known."""
    return [
        *([] if took is None else [duration(took)]),
        *([] if number is None else [f"#{number}"]),
    ]


def rows(count: int) -> str:
    """`1 row`, `1,204 rows`."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def duration(seconds: float) -> str:
    """`0.2 s`, `26 s`, `6 m 2 s`, `2 h 5 m`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} m {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} m"


def size_unit(size: int) -> tuple[int, str, int]:
    """The unit that a size is told in while it moves, and its decimals."""
    for unit, word, decimals in ((10**9, "GB", 2), (10**6, "MB", 1), (10**3, "kB", 0)):
        if size >= unit:
            return unit, word, decimals
    return 1, "bytes", 0


def progress_line(
    progress: Progress,
    took: float,
    columns: int,
    *,
    start: int = 0,
    since: float = 0.0,
    size: bool = True,
) -> str:
    """`mem.dmp  38 %  0.92 of 2.41 GB  92 MB/s  16 s left   Ctrl-C stop, Ctrl-Z behind`.

    The rate is of what came after `start`, where it was at `since`; without `size` the counts are
    plain numbers.
    """
    parts = [visible(progress.what)] if progress.what else []
    done, total = progress.done, progress.total
    if total:
        parts.append(f"{min(done * 100 // total, 100)} %")
    if total or done:
        parts.append(_counted(done, total, size))
    rate = (done - start) / (took - since) if took > since else 0.0
    if size and rate > 0:
        unit, word, _ = size_unit(int(rate))
        parts.append(f"{rate / unit:.0f} {word}/s")
    if total and rate > 0 and done <= total:
        parts.append(f"{duration(round((total - done) / rate)).replace('.0', '')} left")
    elif not total:
        parts.append(duration(took))
    return fitted(parts, columns)


def _counted(done: int, total: int | None, size: bool) -> str:
    if not size:
        return f"{done:,} of {total:,}" if total else f"{done:,}"
    unit, word, decimals = size_unit(total or done)
    if total:
        return f"{done / unit:.{decimals}f} of {total / unit:.{decimals}f} {word}"
    return f"{done / unit:.{decimals}f} {word}"


def fitted(parts: list[str], columns: int) -> str:
    """The parts on one line with the keys after them, as far as there is room."""
    line = "  ".join(parts)
    room = max(columns, 20) - 1
    if width.width(line) + 3 + len(KEYS) <= room:
        return f"{line}   {KEYS}"
    return width.cut(line, room)
