"""One action: something asked of a device, from its request to its end; pure.

Its states are those of MDE's machine actions. What it became beyond its state (already so, taken
over by a later one) stands in `outcome`. A row is never taken back and never forgotten.
"""

import hashlib
import re
from typing import Any, Literal

import msgspec

from commands.language.command import Command, decode

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
        return self.state == "Pending" and self.approval in ("", "given")

    @property
    def sha256(self) -> str:
        """Of what an approval is bound to: device, value, requester, nonce and expiry."""
        bound = [self.id, self.device, self.word, self.value, self.person]
        until_ms = self.expires_ms if self.lapsing_ms is None else self.lapsing_ms
        said = msgspec.json.encode([*bound, self.nonce, until_ms], order="sorted")
        return hashlib.sha256(said).hexdigest()


def number_of(text: str) -> int | None:
    """The number of an action's name, `A318`; None for any other text."""
    found = _ID.fullmatch(text)
    return int(found[1]) if found else None
