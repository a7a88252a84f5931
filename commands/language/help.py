"""Help from the declarations: all words in their groups, one word, the keys; pure."""

import textwrap
from collections.abc import Mapping
from typing import get_args

from commands.language.command import Command, Group, Mark, Parameter, Spec
from commands.language.desk.library import LibraryRow
from commands.language.line import OUTPUTS, quoted, usage

GROUPS: tuple[str, ...] = get_args(Group)
ANY_LINE = (
    f"& runs it behind, > NAME keeps it, -output {'|'.join(OUTPUTS)}, -comment TEXT; "
    "help WORD, help keys"
)
ORDER = (
    *("dir", "cat", "fileinfo", "findfile", "processes", "connections"),
    *("getfile", "run", "putfile", "shell"),
    *("cd", "pwd", "cls", "jobs", "fg", "status", "cancel"),
    *("history", "trace", "log", "settings", "help"),
    *("attach", "letin", "detach", "disconnect", "exit"),
    *("connect", "on", "devices", "library", "quota", "why"),
    *("sessions", "replay", "verify", "token", "revoke"),
)
"""How a person goes about it; a word that is not named stands after these."""
OPENS = ("connect", "on")
"""Words that open a session, which has a comment."""
LEFT = 8
KEYS = (
    ("Tab", "completes a word, or shows what fits; paths and pids are asked of the device"),
    ("Ctrl-R", "searches your own lines of all sessions; Enter puts one on the line"),
    ("Ctrl-C", "clears the line; while a command runs: stops it on the device, and again: "
     "stops the waiting only"),
    ("Ctrl-Z", "puts the running command behind; fg N brings it back"),
    ("Ctrl-D", "on an empty line: leaves the session, then Fireline"),
    ("Ctrl-]", "or F12, in shell: back to the console, the shell stays open; pressed again at "
     "once it is sent on"),
    ("space", "at a stop line: the next screen; a shows all, / finds, q ends the showing"),
)  # fmt: skip


def help_overview(
    words: Mapping[str, type[Command]], not_here: Mapping[str, str], columns: int = 80
) -> list[str]:
    """Every word in its group; what is ruled out stands once, with its reason.

    `not_here` gives a word's reason; a word whose reason is empty is left out.
    """
    lines: list[str] = []
    for group in GROUPS:
        specs = sorted((c.spec for c in words.values() if c.spec.group == group), key=_place)
        here = " ".join(s.word for s in specs if s.word not in not_here)
        text = "; ".join(part for part in (here, _ruled_out(specs, not_here)) if part)
        if text:
            lines += _hung(group.ljust(LEFT), text, columns)
    return lines + _hung("any".ljust(LEFT), ANY_LINE, columns)


def _place(spec: Spec) -> tuple[int, str]:
    return (ORDER.index(spec.word) if spec.word in ORDER else len(ORDER), spec.word)


def _ruled_out(specs: list[Spec], not_here: Mapping[str, str]) -> str:
    by_reason: dict[str, list[str]] = {}
    for spec in specs:
        if reason := not_here.get(spec.word):
            by_reason.setdefault(reason, []).append(spec.word)
    parts = [f"{' '.join(words)} ({reason})" for reason, words in by_reason.items()]
    return f"not here: {', '.join(parts)}" if parts else ""


def help_word(
    spec: Spec,
    columns: int = 80,
    not_here: str = "",
    most: int | None = None,
    seconds: float | None = None,
) -> list[str]:
    """How one word is typed, who may, and what it does.

    `most` bytes is what it may bring, `seconds` what it may take, where settings say so.
    """
    lines = _head(spec, columns, most, seconds or spec.limit)
    if not_here:
        lines.append(f"Not here: {not_here}.")
    lines += _wrapped(spec.summary, columns)
    rows = [(_typed(p), _said(p)) for p in spec.parameters if p.mark is not Mark.HIDDEN]
    rows += _options(spec)
    left = max((len(name) for name, _ in rows), default=0) + 4
    for name, said in rows:
        lines += _hung(f"  {name}".ljust(left), said, columns)
    for paragraph in _paragraphs(spec.details):
        lines += _wrapped(paragraph, columns)
    return lines


def help_script(script: LibraryRow, columns: int = 80) -> list[str]:
    """How a script of the library is run, and what its manifest says of it."""
    typed = f"run {quoted(script.name)}"
    changes = {None: "", True: "changes the device", False: "changes nothing"}[script.changes]
    only = f"{script.platform} only" if script.platform else ""
    facts = ", ".join(f for f in (f"version {script.version}", only, changes) if f)
    head = f"{typed} {script.parameters}".strip()
    lines = [f"{head}     {facts}"]
    if len(lines[0]) >= columns:
        lines = [*_hung("", head, columns, under=len(typed) + 1), f"  {facts}"]
    lines += _wrapped(script.description or "It has no description.", columns)
    lines += _hung("", f"Added by {script.added_by}, {script.size:,} bytes; library show "
                   f"{quoted(script.name)} shows it, library log {quoted(script.name)} its "
                   "history.", columns)  # fmt: skip
    return [*lines, f"sha256 {script.sha256}"]


def help_keys(columns: int = 80) -> list[str]:
    """What keys do."""
    return [line for key, said in KEYS for line in _hung(key.ljust(LEFT), said, columns)]


def _head(spec: Spec, columns: int, most: int | None, seconds: float | None) -> list[str]:
    also = f"also {', '.join(spec.aliases)}" if spec.aliases else ""
    limits = (_limit(spec, seconds), _size(most), _platforms(spec))
    facts = ", ".join(f for f in (spec.role, spec.right, *limits) if f)
    beside = [part for part in (also, facts) if part]
    whole = (" " * 5).join([usage(spec), *beside])
    if len(whole) < columns:
        return [whole]
    return [
        *_hung("", usage(spec), columns, under=len(spec.word) + 1),
        "  " + (" " * 5).join(beside),
    ]


def _limit(spec: Spec, seconds: float | None) -> str:
    if seconds is None or spec.limit is None or spec.group in ("here", "broker"):
        return ""
    return f"{seconds / 60:.0f} min" if seconds % 60 == 0 else f"{seconds:g} s"


def _size(most: int | None) -> str:
    """A limit as it is set, in powers of two: `3 GB`, `250 MB`."""
    if most is None:
        return ""
    units = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))
    unit, word = next((u for u in units if most >= u[0] and not most % u[0]), (1, "bytes"))
    return f"{most // unit:,} {word}"


def _platforms(spec: Spec) -> str:
    return f"{min(spec.platforms)} only" if len(spec.platforms) == 1 else ""


def _typed(p: Parameter) -> str:
    return p.name.upper() if p.positional or p.mark in (Mark.REST, Mark.LINE) else f"-{p.name}"


def _said(p: Parameter) -> str:
    return f"{p.help}: {', '.join(p.choices)}" if p.choices else p.help


def _options(spec: Spec) -> list[tuple[str, str]]:
    rows = [("-output", ", ".join(OUTPUTS))] if spec.rows or spec.text else []
    if spec.text:
        rows.append(("-raw", "the bytes as they are, not made visible"))
    if spec.queued:
        rows.append(("-comment", "case and reason; no action without one"))
    elif spec.changes or spec.word in OPENS:
        rows.append(("-comment", "case and reason, where a rule wants them"))
    return rows


def _paragraphs(details: str) -> list[str]:
    return [" ".join(part.split("\n")) for part in details.strip().split("\n\n") if part]


def _hung(first: str, text: str, columns: int, under: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        columns - 1,
        initial_indent=first,
        subsequent_indent=" " * (under or len(first)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(text: str, columns: int) -> list[str]:
    return _hung("", text, columns)
