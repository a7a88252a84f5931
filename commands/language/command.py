"""How a command is declared, and the registry of all of them.

1. A command is a frozen value: fields are its parameters, in positional order.
2. `bool` is a flag, `Literal` its choices, `Annotated[..., "text"]` its help.
3. Class keywords say who may (role, right), where (platforms), how long (limit), what it yields.
4. A `queued` word has a hidden `device`, filled in by its session or by `on`: an action is bound
   to the device that it was asked of.
   `of_device` is the same for a word of the broker's that is about a device and makes no action.
5. `most` names the broker's setting that bounds the file it brings; `yields` what else it says
   of the device beside rows and text. What a word does not declare it may not yield.
6. A parameter of a kind not known here, or a word declared twice, fails at import.
"""

import importlib
import inspect
import pkgutil
import sys
import types
import typing
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import msgspec
from msgspec import StructMeta

from commands.language.items import Folder, Item, Row, Sent, Written
from commands.language.names import Name

if TYPE_CHECKING:
    from commands.language.desk import Desk
    from commands.language.desk.console import Console
    from commands.language.errors import NeedsAnswer
    from commands.language.host import Host
    from commands.language.host.terminal import Terminal

Role = Literal["any", "basic", "advanced", "auditor", "operator"]
ANY: Role = "any"
BASIC: Role = "basic"
ADVANCED: Role = "advanced"
AUDITOR: Role = "auditor"
OPERATOR: Role = "operator"

Platform = Literal["linux", "windows"]
LINUX: Platform = "linux"
WINDOWS: Platform = "windows"

Group = Literal["look", "take", "change", "here", "broker"]


class Mark(Enum):
    """How a parameter is typed, where that is not by position or name."""

    NAMED = "named"
    """Only as `-name value`."""
    HIDDEN = "hidden"
    """Never typed: filled in by `prepare`."""
    REST = "rest"
    """Every word that is left, in order."""
    LITERAL = "literal"
    """`-name VALUE`, repeatable: one more word of the REST parameter, to the byte."""
    SPLIT = "split"
    """`-name TEXT`: TEXT's words, split as a typed line, go to the REST parameter."""
    LINE = "line"
    """Every word that is left, as typed, quotes and all."""


NAMED, HIDDEN, REST = Mark.NAMED, Mark.HIDDEN, Mark.REST
LITERAL, SPLIT, LINE = Mark.LITERAL, Mark.SPLIT, Mark.LINE


def minutes(count: int) -> int:
    """A time limit in seconds."""
    return count * 60


@dataclass(frozen=True)
class Parameter:
    """One parameter, as the declaration gives it. `type` is the plain type without None."""

    name: str
    type: Any
    default: Any
    help: str
    mark: Mark | None
    choices: tuple[str, ...]

    @property
    def required(self) -> bool:
        return self.default is msgspec.NODEFAULT and self.mark is not HIDDEN

    @property
    def flag(self) -> bool:
        return self.type is bool

    @property
    def positional(self) -> bool:
        return self.mark is None and not self.flag


@dataclass(frozen=True)
class Spec:
    """What the class keywords of a declaration say."""

    word: str
    aliases: tuple[str, ...]
    group: Group
    role: Role
    right: str | None
    limit: int | None
    platforms: frozenset[Platform]
    rows: type[Row] | None
    changes: bool
    text: bool
    verdict: bool
    """Its text is what was found: it stands under the sentence about its end."""
    kept: bool
    """Its items are stored; else only who types it sees them."""
    secret: bool
    """What it gives is for its person's eyes: stored nowhere, not as evidence either."""
    needs: str | None
    most: str | None
    under: str | None
    """Another word that does the same and more: where that is denied, this one is too."""
    queued: bool
    """An action: a row of the Action Center that waits for its device and needs a comment."""
    of_device: bool
    """About a device, at the broker alone: the device knows nothing of it."""
    yields: tuple[type[Folder] | type[Written], ...]
    summary: str
    details: str
    parameters: tuple[Parameter, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Every word whose denial denies this one."""
        return (self.word,) if self.under is None else (self.word, self.under)

    @property
    def answerable(self) -> bool:
        """Whether a second person can be wanted for it: an action, a change, a file taken."""
        return self.queued or self.changes or self.most is not None

    @property
    def bound(self) -> bool:
        """Bound to a device by its hidden `device`; that one need not be online."""
        return self.queued or self.of_device


class CommandMeta(StructMeta):
    """Takes the keywords that plain Structs refuse and keeps them as the class's `spec`."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        abstract: bool = False,
        aliases: tuple[str, ...] = (),
        group: Group = "look",
        role: Role = BASIC,
        right: str | None = None,
        limit: int | None = minutes(10),
        platforms: tuple[Platform, ...] = (LINUX, WINDOWS),
        rows: type[Row] | None = None,
        changes: bool = False,
        text: bool = False,
        verdict: bool = False,
        kept: bool = True,
        secret: bool = False,
        needs: str | None = None,
        most: str | None = None,
        under: str | None = None,
        queued: bool = False,
        of_device: bool = False,
        yields: tuple[type[Folder] | type[Written], ...] = (),
    ) -> Any:
        word = name.lower()
        cls: Any = super().__new__(
            mcls,
            name,
            bases,
            namespace,
            frozen=True,
            forbid_unknown_fields=True,
            tag_field="word",
            tag=word,
        )
        if not abstract:
            summary, _, details = (cls.__doc__ or "").strip().partition("\n")
            cls.spec = Spec(
                word,
                aliases,
                group,
                role,
                right,
                limit,
                frozenset(platforms),
                rows,
                changes,
                text,
                verdict,
                kept and not secret,
                secret,
                needs,
                most,
                under,
                queued,
                of_device,
                yields,
                summary.strip(),
                _dedent(details),
                _parameters(cls, word),
            )
            register(cls)
        return cls


class Command(msgspec.Struct, metaclass=CommandMeta, abstract=True):
    """A typed line's meaning: what is judged, journaled, sent and run."""

    spec: ClassVar[Spec]

    async def prepare(self, desk: "Desk") -> "Command":
        """The value with names made definite (a script's digest), before it is judged."""
        return self

    def as_typed(self) -> "Command":
        """The prepared value as who reads it in a list should type it: with its version."""
        return self

    def has_rows(self) -> bool:
        """Whether rows are its result; a word with several actions may say otherwise of one."""
        return type(self).spec.rows is not None

    def row_type(self) -> type[Row] | None:
        """Of which type its rows are; a word with several actions may have several."""
        return type(self).spec.rows

    def alters(self) -> bool:
        """Whether it changes something: on several devices it is asked first, with their number."""
        return type(self).spec.changes

    async def question(self, desk: "Desk") -> "NeedsAnswer | None":
        """What a person must answer first, asked of the prepared value; None where nothing."""
        return None


class DeviceCommand(Command, abstract=True):
    """Runs on a device and yields items."""

    def run(self, host: "Host") -> AsyncIterator[Item]:
        raise NotImplementedError(type(self).spec.word)

    def input_sha256(self) -> str | None:
        """The library file whose bytes the broker sends as the command's input."""
        return None

    def differs(self, item: Sent, folder: Name) -> str:
        """How an item speaks of something else than was asked; empty where it need not."""
        return ""


class TerminalCommand(Command, abstract=True):
    """Opens a terminal on a device."""

    async def open(self, host: "Host", columns: int, rows: int) -> "Terminal":
        raise NotImplementedError(type(self).spec.word)


class DeskCommand(Command, abstract=True):
    """Runs at the broker and yields items; needs no device, or only what the broker knows of it."""

    def run(self, desk: "Desk") -> AsyncIterator[Item]:
        raise NotImplementedError(type(self).spec.word)


class ConsoleCommand(Command, abstract=True):
    """Acts on the responder's own terminal and where it stands."""

    async def run(self, console: "Console") -> None:
        raise NotImplementedError(type(self).spec.word)


_words: dict[str, type[Command]] = {}
_discovered: dict[str, type[Command]] = {}
_aliases: dict[str, str] = {}


def register(cls: type[Command]) -> None:
    """Adds a declaration; a word or alias that exists already fails here, at import."""
    spec = cls.spec
    for word in (spec.word, *spec.aliases):
        known = _words.get(word) or _words.get(_aliases.get(word, ""))
        if known is not None and known.__module__ != cls.__module__:
            raise TypeError(f"{word} is declared by {known.__module__} and {cls.__module__}")
    _words[spec.word] = cls
    _aliases.update(dict.fromkeys(spec.aliases, spec.word))


def discover() -> Mapping[str, type[Command]]:
    """All declared commands by word, importing every module of `commands` once.

    The folder is read at the first call only: help and each Tab ask for all words.
    """
    if not _discovered:
        package = sys.modules["commands"]
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                importlib.import_module(f"commands.{module.name}")
        _discovered.update(sorted(_words.items()))
    return MappingProxyType(_discovered)


def find(word: str) -> type[Command] | None:
    """The command of a word or alias; words are typed in any case."""
    word = word.lower()
    return _words.get(_aliases.get(word, word))


def all_words() -> list[str]:
    """Every word and alias, for completion and for the nearest one."""
    return sorted({*_words, *_aliases})


class _Worded(msgspec.Struct):
    word: str


def decode(data: bytes) -> Command:
    """Any declared command from its JSON; unknown words and fields are a DecodeError.

    Imports the word's own module alone: a worker that starts runs one command, not forty.
    """
    word = msgspec.json.decode(data, type=_Worded).word
    path = sys.modules["commands"].__path__
    if word not in _words and any(
        module.name == word and not module.ispkg for module in pkgutil.iter_modules(path)
    ):
        importlib.import_module(f"commands.{word}")
    if word not in _words:
        raise msgspec.ValidationError(f"there is no word {word[:64]!r}")
    return msgspec.json.decode(data, type=_words[word])


_KINDS: tuple[Any, ...] = (str, int, float, bool)


def _parameters(cls: type[Command], word: str) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = msgspec.structs.fields(cls)
    return tuple(_parameter(word, field, hints[field.name]) for field in fields)


def _parameter(word: str, field: msgspec.structs.FieldInfo, hint: Any) -> Parameter:
    help_text, mark = "", None
    if typing.get_origin(hint) is Annotated:
        hint, *extras = typing.get_args(hint)
        help_text = next((e for e in extras if isinstance(e, str)), "")
        mark = next((e for e in extras if isinstance(e, Mark)), None)
    parts = [part for part in _union(hint) if part is not type(None)]
    if len(parts) != 1:
        raise TypeError(f"{word}: parameter {field.name} has {len(parts)} kinds")
    kind, choices = parts[0], ()
    if typing.get_origin(kind) is Literal:
        kind, choices = str, typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        kind = typing.get_args(kind)[0]
    plain = getattr(kind, "__supertype__", kind)
    if plain not in _KINDS:
        raise TypeError(f"{word}: parameter {field.name} is of no known kind: {hint!r}")
    if not help_text and mark is not HIDDEN:
        raise TypeError(f"{word}: parameter {field.name} has no help text")
    return Parameter(field.name, kind, field.default, help_text, mark, choices)


def _union(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _dedent(text: str) -> str:
    return inspect.cleandoc(text)
