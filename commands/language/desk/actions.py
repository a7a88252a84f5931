"""Response actions: what is asked of devices, by whom, and what became of it."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Protocol

from commands.language.items import Column, Integer, Item, Row, Time

if TYPE_CHECKING:
    from commands.language.command import Command
    from commands.language.host.foresight import EffectRow


class ActionRow(Row):
    """One action of the Action Center."""

    id: Annotated[str, Column(1, identity=True)]
    device: Annotated[str, Column(1)]
    type: Annotated[str, Column(1)]
    state: Annotated[str, Column(1)]
    person: Annotated[str, Column(2)]
    submitted: Annotated[Time, Column(2)]
    said: Annotated[str, Column(2, elastic=True)] = ""
    """What became of it: an outcome, or why it failed; what it waits for, before that."""
    comment: Annotated[str, Column(4)] = ""
    command: Annotated[str, Column(wide=True)] = ""
    started: Annotated[Time | None, Column(wide=True)] = None
    ended: Annotated[Time | None, Column(wide=True)] = None
    expires: Annotated[Time | None, Column(wide=True)] = None
    error: Annotated[str, Column(wide=True)] = ""
    output: Annotated[str, Column(wide=True)] = ""
    approval: Annotated[str, Column(5)] = ""
    by: Annotated[str, Column(wide=True)] = ""
    """Who cancelled, approved or denied it."""
    by_comment: Annotated[str, Column(wide=True)] = ""
    """What that person said with it."""
    folder: Annotated[str, Column(wide=True)] = ""
    """Where who asked it stood on the device, for a word that is no action by itself."""
    asked_in: Annotated[str, Column(wide=True)] = ""
    ran_in: Annotated[str, Column(wide=True)] = ""
    generation: Annotated[Integer, Column(wide=True)] = 0
    sha256: Annotated[str, Column(wide=True)] = ""
    """Of exactly what was asked: an approval is bound to it."""


class TimelineRow(Row):
    """Something that happened on or to a device."""

    at: Annotated[Time, Column(1, identity=True)]
    kind: Annotated[str, Column(1)]
    person: Annotated[str, Column(1)] = ""
    what: Annotated[str, Column(1, elastic=True)] = ""
    where: Annotated[str, Column(3)] = ""
    """A session's or an action's name."""


class Actions(Protocol):
    """The Action Center, as one person sees it."""

    def carry_out(self, command: "Command") -> AsyncIterator[Item]:
        """Asks it of the command's device and follows it to its end, or says what it waits for."""
        ...

    def contained(self, device: str) -> "tuple[str, bool]":
        """The isolation that is in force as far as known (none, full, selective), and by another
        person than this one."""
        ...

    async def left_out(self, command: "Command") -> str:
        """Which rules of a selective isolation have nothing on its device to be for; often none."""
        ...

    async def foreseen(self, command: "Command") -> "list[EffectRow] | None":
        """What it would do to its device as it is now; None where that one does not say in time."""
        ...

    def rows(
        self, device: str | None, person: str | None, word: str | None, state: str | None,
        hours: float | None,
    ) -> AsyncIterator[ActionRow]:  # fmt: skip
        """Newest first, of devices that the person may see."""
        ...

    async def show(self, action: str) -> ActionRow: ...

    async def cancel(self, action: str) -> str:
        """Takes it back while it waits, or has the device stop it; what became of it."""
        ...

    async def approve(self, action: str, digest: str | None) -> str:
        """A second person's yes to exactly this action."""
        ...

    async def deny(self, action: str, reason: str) -> str: ...

    def timeline(self, device: str, hours: float | None) -> AsyncIterator[TimelineRow]:
        """Sessions, commands, actions, detections and refusals of a device, oldest first."""
        ...
