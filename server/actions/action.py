"""One action: something asked of a device, from its request to its end; pure.

Its states are those of MDE's machine actions. What it became beyond its state (already so, taken
over by a later one) stands in `outcome`. A row is never taken back and never forgotten.
"""

import hashlib
import re
from typing import Any, Literal

import msgspec

from commands.language.command import (
    HIDDEN,
    LINE,
    REST,
    Command,
    TerminalCommand,
    decode,
    find,
)
from commands.language.line import quoted

State = Literal["Pending", "InProgress", "Succeeded", "Failed", "TimeOut", "Cancelled"]
Approval = Literal["", "needed", "given", "denied", "lapsed"]
OPEN: tuple[State, ...] = ("Pending", "InProgress")
_ID = re.compile(r"[Aa]([1-9][0-9]{0,15})")


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One row. Times are wall clock, in milliseconds; ordering is by `id`."""

    id: int
    device: str
    name: str
    """The device's name when it was asked."""
    word: str
    value: dict[str, Any]
    """The command's value: what is judged, approved and run."""
    text: str
    """The command as a person reads it."""
    person: str
    comment: str
    door: str
    asked_in: str
    """Session and number of the line that asked, `S12#3`."""
    folder: str = ""
    """From where a word's relative paths are seen, where it is no action by itself."""
    submitted_ms: int
    expires_ms: int | None = None
    """Until when it waits: for a second person, then for its device."""
    lapsing_ms: int | None = None
    """Until when it waited for its second person, who said yes to that as well."""
    state: State = "Pending"
    generation: int = 0
    """Of the wish that it made or joined; 0 for what is run, not wished."""
    joined: bool = False
    """It found its wish made already."""
    outcome: str = ""
    error: str = ""
    output: str = ""
    ran_in: str = ""
    """The session in which it ran."""
    started_ms: int | None = None
    ended_ms: int | None = None
    by: str = ""
    """Who cancelled, approved or denied it."""
    by_comment: str = ""
    """What that person said with it."""
    approval: Approval = ""
    nonce: str = ""

    @property
    def label(self) -> str:
        return f"A{self.id}"

    def command(self) -> Command:
        """What it is about, as a value."""
        return decode(msgspec.json.encode(self.value))

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def runnable(self) -> bool:
        """It waits for nothing but its device."""
        return self.state == "Pending" and self.approval in ("", "given") and not self.by_hand

    @property
    def by_hand(self) -> bool:
        """Its person begins it himself once it is approved, for he sits before it."""
        kind = find(self.word)
        return kind is not None and issubclass(kind, TerminalCommand)

    @property
    def beside(self) -> bool:
        """It is no action by itself, and waits for no scan and no collection to end."""
        kind = find(self.word)
        return kind is not None and not kind.spec.queued

    @property
    def sha256(self) -> str:
        """Of what an approval is bound to: device, value, requester, nonce and expiry."""
        bound = [self.id, self.device, self.word, self.value, self.person]
        bound += [self.folder] if self.folder else []
        until_ms = self.expires_ms if self.lapsing_ms is None else self.lapsing_ms
        said = msgspec.json.encode([*bound, self.nonce, until_ms], order="sorted")
        return hashlib.sha256(said).hexdigest()


def number_of(text: str) -> int | None:
    """The number of an action's name, `A318`; None for any other text."""
    found = _ID.fullmatch(text)
    return int(found[1]) if found else None


def said(command: Command) -> str:
    """The command as a person types it, without its device."""
    command = command.as_typed()
    spec, words = command.spec, [command.spec.word]
    for parameter in spec.parameters:
        value = getattr(command, parameter.name)
        if parameter.mark is HIDDEN or value in (parameter.default, None, ()):
            continue
        if parameter.flag:
            words.append(f"-{parameter.name}")
        elif parameter.mark is REST:
            words += [quoted(one) for one in value]
        elif parameter.mark is LINE:
            words.append(str(value))
        elif parameter.positional:
            words.append(quoted(str(value)))
        else:
            words.append(f"-{parameter.name} {quoted(str(value))}")
    return " ".join(words)
