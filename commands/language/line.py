"""One typed line, in and out of words; pure. The grammar (mission.md, section 3):

1. Words are split at spaces and tabs. Both kinds of quotes; a quote opens only at the start of a
   word or directly after a closing quote, elsewhere it is itself. There is no escape character.
2. Parts that touch make one word. An unpaired quote is an error that names its column.
3. `&` (last), `>` and `|` count only as unquoted words of their own.
4. Parameters go by position in declared order, or `-name value` in any order; flags are `-name`.
5. `-output FORMAT` stands for every command that yields rows or text; the bare format counts as
   the last word where no positional parameter is left for it.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from commands.language import names
from commands.language.command import Command, Mark, Parameter, Spec, all_words, find
from commands.language.errors import NotUnderstood
from commands.language.habits import HABITS
from commands.language.visible import is_clean, visible

MAX_LINE = 65_536
Output = Literal["table", "list", "json", "csv"]
OUTPUTS: tuple[str, ...] = get_args(Output)
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})")
_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
LONGEST_KEPT = 200


@dataclass(frozen=True)
class Word:
    """A word: its value, where it began and ended in the line (from 0), and whether bare."""

    text: str
    start: int
    end: int
    bare: bool


@dataclass(frozen=True)
class Options:
    """What any line may add to its command."""

    output: Output | None = None
    background: bool = False
    keep: str | None = None
    raw: bool = False
    comment: str | None = None
    yes: bool = False
    devices: int | None = None
    digest: str | None = None
    stage: str | None = None
    stop: str | None = None
    follow: bool = True
    """Never typed: a scan on many devices is asked of each, and not waited for."""


@dataclass(frozen=True)
class TypedLine:
    """A line understood: the text as typed, the command's value, and the options."""

    text: str
    command: Command
    options: Options = field(default_factory=Options)


def split(line: str, *, unfinished: bool = False) -> list[Word]:
    """The words of `line`; raises NotUnderstood for an unpaired quote or too long a line.

    Of an `unfinished` line the last quote may still be open: its word goes to the end.
    """
    if len(line.encode("utf-8", "surrogatepass")) > MAX_LINE:
        raise NotUnderstood(f"the line is longer than {MAX_LINE} bytes; nothing of it was run")
    words: list[Word] = []
    at, end = 0, len(line)
    while True:
        while at < end and line[at] in " \t":
            at += 1
        if at == end:
            return words
        word = _word(line, at, unfinished)
        words.append(word)
        at = word.end


def _word(line: str, start: int, unfinished: bool) -> Word:
    parts: list[str] = []
    at, bare, may_open = start, True, True
    while at < len(line) and line[at] not in " \t":
        if may_open and line[at] in "\"'":
            close = line.find(line[at], at + 1)
            if close < 0 and unfinished:
                return Word("".join([*parts, line[at + 1 :]]), start, len(line), False)
            if close < 0:
                raise NotUnderstood(f"the quote at column {at + 1} is not closed")
            parts.append(line[at + 1 : close])
            at, bare = close + 1, False
        else:
            parts.append(line[at])
            at, may_open = at + 1, False
    return Word("".join(parts), start, at, bare)


def quoted(text: str) -> str:
    """`text` as one word that `split` reads back to the same text."""
    if text and not any(c in " \t\"'" for c in text) and text not in ("&", ">", "|"):
        return text
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    return "".join(f'"{part}"' if "'" in part else f"'{part}'" for part in _runs(text))


def _runs(text: str) -> list[str]:
    runs = [""]
    for char in text:
        other = '"' if "'" in runs[-1] else "'" if '"' in runs[-1] else ""
        if char == other:
            runs.append("")
        runs[-1] += char
    return runs


def parse(line: str) -> TypedLine:
    """The command and options of a typed line; raises NotUnderstood."""
    words = split(line)
    if not words:
        raise NotUnderstood("the line is empty; help shows what there is")
    if bad := _UNSENDABLE.search(line):
        what = "a NUL" if bad[0] == "\0" else "bytes that are no UTF-8"
        raise NotUnderstood(
            f"the line has {what} at column {bad.start() + 1}; in a name type raw: and %FF forms"
        )
    cls = find(words[0].text)
    if len(words) > 1 and (two := find(f"{words[0].text} {words[1].text}")) is not None:
        cls, words = two, words[1:]
    if cls is None:
        raise NotUnderstood(f"{_show(words[0].text)} is no command{_nearest_word(words[0].text)}")
    words, options = _line_options(words, cls.spec)
    if options.get("background") and not cls.spec.kept:
        raise NotUnderstood(f"{cls.spec.word} does not run behind; type it without &")
    values = _Values(cls.spec, line, words[1:])
    command = _build(cls, values.read())
    return TypedLine(line, command, Options(**options, **values.options))


def _build(cls: type[Command], values: dict[str, Any]) -> Command:
    try:
        return msgspec.convert(values, cls)
    except msgspec.ValidationError as error:
        raise NotUnderstood(f"{cls.spec.word}: {error}") from None


def _line_options(words: list[Word], spec: Spec) -> tuple[list[Word], dict[str, Any]]:
    """Takes `&` and `> NAME` off the end; refuses what this version cannot."""
    options: dict[str, Any] = {}
    if _takes_line(spec):
        return words, options
    if len(words) > 1 and words[-1].bare and words[-1].text == "&":
        words, options["background"] = words[:-1], True
    for at, word in enumerate(words):
        if word.bare and word.text == "|":
            raise NotUnderstood("filters after | are not in this version; -output json has all")
        if word.bare and word.text == ">":
            if at != len(words) - 2:
                raise NotUnderstood("> takes one NAME, as the last words of the line")
            if spec.secret:
                raise NotUnderstood(f"{spec.word} gives a secret, which is no evidence; type no >")
            options["keep"] = _kept(words[-1].text)
            return words[:at], options
    return words, options


def _kept(name: str) -> str:
    """The NAME after `>`: one plain file name, the same on every system that may read it."""
    if (
        not name.strip(". ")
        or _NOT_IN_FILE_NAMES.search(name)
        or not is_clean(name)
        or len(name.encode("utf-8", "surrogatepass")) > LONGEST_KEPT
    ):
        raise NotUnderstood(f"> takes a plain file name, not {_show(name)}")
    return name


def _takes_line(spec: Spec) -> bool:
    return any(p.mark is Mark.LINE for p in spec.parameters)


class _Values:
    """Fits words to the parameters of one declaration."""

    def __init__(self, spec: Spec, line: str, words: list[Word]) -> None:
        self.spec, self.line, self.words, self.at = spec, line, words, 0
        self.values: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.named = {p.name: p for p in spec.parameters if p.mark not in (Mark.HIDDEN, Mark.LINE)}
        self.places = [p for p in spec.parameters if p.positional]
        self.rest = next((p for p in spec.parameters if p.mark is Mark.REST), None)
        self.rows_or_text = bool(spec.rows or spec.text)

    def read(self) -> dict[str, Any]:
        while self.at < len(self.words):
            self._one()
        for p in self.spec.parameters:
            if p.required and p.name not in self.values:
                raise NotUnderstood(f"{self.spec.word} needs {p.name.upper()}; {usage(self.spec)}")
        return self.values

    def _one(self) -> None:
        word = self.words[self.at]
        if word.bare and word.text == "-" and self._joins_flag():
            self.at += 1
            word = Word("-" + self.words[self.at].text, word.start, self.words[self.at].end, True)
        if word.bare and word.text.startswith("-") and len(word.text) > 1:
            if self._named(word):
                return
            if self.rest is None:
                raise NotUnderstood(self._unknown(word.text))
        self._placed(word)

    def _joins_flag(self) -> bool:
        after = self.words[self.at + 1 : self.at + 2]
        p = self.named.get(after[0].text.lower()) if after and after[0].bare else None
        return p is not None and p.flag

    def _named(self, word: Word) -> bool:
        key = word.text[1:].lower()
        p = self.named.get(key)
        if p is None or p.mark is Mark.REST:
            return self._option(key)
        self.at += 1
        if p.flag:
            self.values[p.name] = True
            return True
        value = self._value(word.text)
        if p.mark in (Mark.LITERAL, Mark.SPLIT):
            more = [value] if p.mark is Mark.LITERAL else [w.text for w in split(value)]
            self._more(more)
        elif p.name in self.values:
            raise NotUnderstood(f"{self.spec.word}: {p.name} is given twice")
        else:
            self.values[p.name] = _converted(p, value)
        return True

    def _value(self, name: str) -> str:
        if self.at >= len(self.words):
            raise NotUnderstood(f"{name} needs a value; {usage(self.spec)}")
        self.at += 1
        return self.words[self.at - 1].text

    def _option(self, key: str) -> bool:
        if key in ("yes", "raw"):
            if key == "raw" and not self.spec.text:
                return False
            self.at += 1
            self.options[key] = True
            return True
        if key not in ("output", "comment", "devices", "digest", "stage", "stop") or (
            key == "output" and not self.rows_or_text
        ):
            return False
        if key in ("stage", "stop") and (self.spec.group != "change" or self.rest is not None):
            return False  # a script's own arguments are its own: on -stage … SELECTOR run …
        self.at += 1
        value = self._value("-" + key)
        if key == "output":
            value = value.lower()
        if key == "output" and value not in OUTPUTS:
            raise NotUnderstood(f"-output is one of {', '.join(OUTPUTS)}, not {_show(value)}")
        if key == "comment" and len(value) > 1000:
            raise NotUnderstood("-comment takes at most 1,000 characters")
        if key == "devices" and not (_WHOLE.fullmatch(value) and int(value) > 0):
            raise NotUnderstood(f"-devices takes a number, not {_show(value)}")
        self.options[key] = int(value) if key == "devices" else value
        return True

    def _placed(self, word: Word) -> None:
        self.at += 1
        line = next((p for p in self.spec.parameters if p.mark is Mark.LINE), None)
        free = next((p for p in self.places if p.name not in self.values), None)
        if free is not None:
            last = self.at == len(self.words)
            if last and word.bare and self._is_output(word) and not _fits(free, word.text):
                self.options["output"] = word.text.lower()
                return
            self.values[free.name] = _converted(free, word.text)
        elif line is not None:
            self.values[line.name] = self.line[word.start :]
            self.at = len(self.words)
        elif self.rest is not None:
            self._more([word.text])
        elif self.at == len(self.words) and word.bare and self._is_output(word):
            self.options["output"] = word.text.lower()
        else:
            raise NotUnderstood(
                f"{self.spec.word} takes no {_show(word.text)} here; {usage(self.spec)}"
            )

    def _is_output(self, word: Word) -> bool:
        return self.rows_or_text and word.text.lower() in OUTPUTS and "output" not in self.options

    def _more(self, words: list[str]) -> None:
        if self.rest is None:
            raise TypeError(f"{self.spec.word} declares -arg but no rest")
        self.values[self.rest.name] = (*self.values.get(self.rest.name, ()), *words)

    def _unknown(self, text: str) -> str:
        more = ["output", "comment"] if self.rows_or_text else ["comment"]
        near = nearest(text[1:].lower(), [*self.named, *more])
        hint = f"; nearest: -{near}" if near else ""
        return f"{self.spec.word} has no {_show(text)}{hint}; {usage(self.spec)}"


def _fits(p: Parameter, text: str) -> bool:
    """Whether a bare output format can be this parameter's value: `dir json` is a folder."""
    if p.choices:
        return text.lower() in p.choices
    return p.type not in (int, float)


def _converted(p: Parameter, text: str) -> Any:
    if p.choices:
        if text.lower() not in p.choices:
            raise NotUnderstood(f"{p.name} is one of {', '.join(p.choices)}, not {_show(text)}")
        return text.lower()
    if p.type is int:
        if not _WHOLE.fullmatch(text):
            raise NotUnderstood(f"{p.name} takes a whole number, not {_show(text)}")
        return int(text)
    if p.type is float:
        if not _DECIMAL.fullmatch(text):
            raise NotUnderstood(f"{p.name} takes a number, not {_show(text)}")
        return float(text)
    if p.type is names.Name:
        return names.typed(text)
    return text


def usage(spec: Spec) -> str:
    """The line that shows how the command is typed: `getfile PATH [-auto]`."""
    parts = [spec.word]
    for p in spec.parameters:
        name = "|".join(p.choices) if p.choices else p.name.upper()
        if p.mark is Mark.HIDDEN:
            continue
        if p.flag:
            parts.append(f"[-{p.name}]")
        elif p.mark in (Mark.NAMED, Mark.SPLIT):
            parts.append(f"-{p.name} {name}" if p.required else f"[-{p.name} {name}]")
        elif p.mark is Mark.LITERAL:
            parts.append(f"[-{p.name} VALUE]...")
        elif p.mark in (Mark.REST, Mark.LINE):
            parts.append(f"{name}..." if p.required else f"[{name}...]")
        else:
            parts.append(name if p.required else f"[{name}]")
    return " ".join(parts)


def nearest(text: str, known: list[str]) -> str | None:
    """The known word nearest to `text`, within a third of its length."""
    best = min(known, key=lambda word: (_distance(text, word), word), default=None)
    if best is None or _distance(text, best) > max(len(text), 1) / 3:
        return None
    return best


def _distance(a: str, b: str) -> int:
    """Edit distance (Wagner and Fischer), over short words."""
    a, b = a[:64], b[:64]
    row = list(range(len(b) + 1))
    for i, char in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (char != other))
    return row[-1]


def _nearest_word(text: str) -> str:
    if meant := HABITS.get(text.lower()):
        return f"; here it is {meant}"
    near = nearest(text.lower(), all_words())
    return f"; nearest: {near}" if near else "; help shows what there is"


def _show(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= 60 else shown[:59] + "…"
