"""What may stand at the cursor: words, flags, choices, and names that the caller knows; pure.

1. A completion is one whole word that `split` reads back to the text it means.
2. A value that begins with `-` is quoted, or it would be read as a flag.
3. A name that is no clean text is completed in its `raw:` form.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from commands.language import names
from commands.language.command import Mark, Parameter, Spec, discover, find
from commands.language.errors import NotUnderstood
from commands.language.line import OUTPUTS, Word, quoted, split
from commands.language.visible import is_clean, visible

Found = Iterable[tuple[str, str]]
"""Candidates: the exact text, and what it means."""


class Candidates(Protocol):
    """What the caller knows by name; each may give nothing."""

    def devices(self) -> Found: ...
    def selectors(self) -> Found: ...
    def jobs(self) -> Found: ...
    def library(self) -> Found: ...
    def sessions(self) -> Found: ...
    def pids(self) -> Found: ...

    def paths(self, typed: str) -> Found:
        """What is in the folder of a path as far as it is typed, each as a whole path."""
        ...

    def on(self, device: str) -> "tuple[Candidates, Collection[str]] | None":
        """The same on another device, and the words that are not there; None where nothing on it
        can be told."""
        ...


@dataclass(frozen=True)
class Completion:
    """`text` replaces the line from `start` to the cursor; the rest is for the menu."""

    text: str
    start: int
    display: str
    meaning: str


# Which parameters name things that the broker knows; by the word where a name alone does not say.
SOURCES = {
    "device": "devices",
    "connect name": "devices",
    "selector": "selectors",
    "revoke name": "devices",
    "number": "jobs",
    "script": "library",
    "putfile name": "library",
    "library name": "library",
    "session": "sessions",
    "command": "words",
    "pid": "pids",
}
OPTIONS = {
    "output": "table, list, json or csv",
    "raw": "the bytes as they are",
    "comment": "case and reason",
    "yes": "answers the question",
}
LIMIT = 100


def value(text: str) -> str:
    """`text` as a word that is a value, whatever it looks like."""
    word = quoted(text)
    return f"'{word}'" if word.startswith("-") else word


def name_value(name: names.Name) -> str:
    """A Name as the word that is typed for it."""
    return value(names.raw_form(name) or name)


def complete(
    line: str,
    cursor: int,
    candidates: Candidates,
    not_here: Collection[str] = (),
    limit: int = LIMIT,
) -> list[Completion]:
    """What may stand at the cursor, the nearest meaning first; what follows it is not read."""
    try:
        words = split(line[:cursor], unfinished=True)
    except NotUnderstood:
        return []
    if not words or (words[-1].end < cursor):
        words.append(Word("", cursor, cursor, True))
    return _Place(words, candidates, not_here).found()[:limit]


class _Place:
    """The word at the cursor, and what stands before it."""

    def __init__(
        self,
        words: list[Word],
        candidates: Candidates,
        not_here: Collection[str],
        *,
        here: bool = True,
    ) -> None:
        self.before, self.word = words[:-1], words[-1]
        self.candidates, self.not_here = candidates, not_here
        self.here = here
        """False inside `on NAME …`: what is on that device is not asked for."""

    def found(self) -> list[Completion]:
        if not self.before:
            return self._words()
        cls = find(self.before[0].text)
        if cls is None or (self.before[-1].bare and self.before[-1].text == ">"):
            return []
        spec = cls.spec
        wanted, given, free = _read(spec, self.before[1:])
        if free is not None and free.mark is Mark.LINE:
            at = len(self.before) - given.count(free.name)
            return self._line(self.before[at - 1].text, [*self.before[at:], self.word])
        if wanted is not None:
            return self._values(spec, wanted)
        if self.word.bare and self.word.text.startswith("-"):
            return self._flags(spec, given)
        values = [] if free is None else self._values(spec, free)
        return values or ([] if self.word.text or not self.word.bare else self._flags(spec, given))

    def _line(self, device: str, words: list[Word]) -> list[Completion]:
        """The line of `on NAME …`, as it is completed on that device."""
        there = self.candidates.on(device) if self.here else None
        if there is None:
            return _Place(words, self.candidates, self.not_here, here=False).found()
        return _Place(words, *there).found()

    def _words(self) -> list[Completion]:
        words = {w: c.spec for w, c in discover().items() if w not in self.not_here}
        named = [(word, spec.summary) for word, spec in words.items()]
        aliases = [(a, f"the same as {w}") for w, spec in words.items() for a in spec.aliases]
        fitting = self._fitting(named)
        return fitting if fitting or not self.word.text else self._fitting(aliases)

    def _values(self, spec: Spec, p: Parameter) -> list[Completion]:
        if p.name == "-output":
            return self._fitting([(output, "") for output in OUTPUTS])
        if p.choices:
            return self._fitting([(choice, "") for choice in p.choices])
        source = SOURCES.get(f"{spec.word} {p.name}") or SOURCES.get(p.name)
        if p.type is names.Name and p.mark is not Mark.REST:
            return self._paths(spec) if self.here else []
        if source == "pids" and not self.here:
            return []
        if source is None or p.mark is Mark.REST:
            return []
        if source == "words":
            return self._words()
        return self._fitting(getattr(self.candidates, source)())

    def _paths(self, spec: Spec) -> list[Completion]:
        """A name that is no clean text has another beginning than what was typed."""
        found = list(self.candidates.paths(self.word.text))
        if spec.word == "cd":
            found = [pair for pair in found if pair[1] == "folder"]
        raw = [pair for pair in found if pair[0].startswith(names.RAW)]
        return [
            *self._fitting([pair for pair in found if pair not in raw]),
            *(Completion(t, self.word.start, t, meaning) for t, meaning in raw),
        ]

    def _flags(self, spec: Spec, given: list[str]) -> list[Completion]:
        typed = [p for p in spec.parameters if p.mark not in (Mark.HIDDEN, Mark.REST, Mark.LINE)]
        flags = [
            (f"-{p.name}", p.help)
            for p in typed
            if p.name not in given or p.mark in (Mark.LITERAL, Mark.SPLIT)
        ]
        shown = {"output": spec.rows or spec.text, "raw": spec.text, "yes": spec.changes}
        own = {p.name for p in typed}
        flags += [
            (f"-{option}", help_text)
            for option, help_text in OPTIONS.items()
            if shown.get(option, True) and option not in own and f"-{option}" not in given
        ]
        start = self.word.text.lower()
        return [
            Completion(flag, self.word.start, flag, meaning)
            for flag, meaning in flags
            if flag.startswith(start)
        ]

    def _fitting(self, found: Found) -> list[Completion]:
        start = self.word.text.lower()
        return [
            Completion(_typed(text), self.word.start, visible(text), meaning)
            for text, meaning in found
            if text.lower().startswith(start)
        ]


def _typed(text: str) -> str:
    """The word for a candidate; text that would reach the screen changed goes as `raw:`."""
    return value(text) if is_clean(text) else name_value(names.from_text(text))


_OUTPUT = Parameter("-output", str, None, "", Mark.NAMED, OUTPUTS)


def _read(spec: Spec, words: list[Word]) -> tuple[Parameter | None, list[str], Parameter | None]:
    """The named parameter whose value is due, the names that are given, the next position."""
    untyped = (Mark.HIDDEN, Mark.REST, Mark.LINE)
    named = {p.name: p for p in spec.parameters if p.mark not in untyped}
    places = [p for p in spec.parameters if p.positional]
    last = next((p for p in spec.parameters if p.mark in (Mark.REST, Mark.LINE)), None)
    given: list[str] = []
    due: Parameter | None = None
    for word in words:
        key = word.text[1:].lower() if word.bare and word.text.startswith("-") else ""
        if due is not None:
            due = None
        elif last is not None and last.mark is Mark.LINE and last.name in given:
            given.append(last.name)
        elif key in named:
            given.append(key)
            due = None if named[key].flag else named[key]
        elif key in OPTIONS:
            given.append(f"-{key}")
            due = _due_option(key)
        elif free := next((p for p in places if p.name not in given), last):
            given.append(free.name)
    return due, given, next((p for p in places if p.name not in given), last)


def _due_option(key: str) -> Parameter | None:
    if key == "output":
        return _OUTPUT
    return Parameter(f"-{key}", str, None, "", Mark.NAMED, ()) if key == "comment" else None
