"""`actions`: the Action Center."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from commands.language import actions
from commands.language.command import ANY, NAMED, DeskCommand, find
from commands.language.desk import Desk
from commands.language.desk.actions import ActionRow
from commands.language.errors import NotUnderstood
from commands.language.items import Item
from commands.language.visible import visible

STATES = ("open", "pending", "inprogress", "succeeded", "failed", "timeout", "cancelled")


class Actions(DeskCommand, role=ANY, group="broker", rows=ActionRow, limit=None):
    """List what was asked of devices, and what became of it.

    That is isolate, release, restrict, unrestrict, scan, collect, and what waited for a second
    person, such as run.
    actions show A318 has everything of one: who, when, comment, state, error, output, approval.
    States: Pending, InProgress, Succeeded, Failed, TimeOut, Cancelled. cancel A318 takes one back
    while it waits; approve and deny answer one that needs a second person.
    """

    do: Annotated[Literal["list", "show"], "what to do"] = "list"
    id: Annotated[str | None, "the action, for show"] = None
    device: Annotated[str | None, "only of this device", NAMED] = None
    person: Annotated[str | None, "only asked by this person", NAMED] = None
    type: Annotated[str | None, "only of this word: isolate, scan …", NAMED] = None
    state: Annotated[str | None, "only in this state; open is Pending or InProgress", NAMED] = None
    since: Annotated[str | None, "only of the last 10m, 2h or 3d", NAMED] = None

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if self.do == "show":
            if not self.id:
                raise NotUnderstood("actions show needs ID, such as A318")
            yield await desk.actions.show(self.id)
            return
        if self.id:
            raise NotUnderstood(f"actions list takes no ID; actions show {self.id}")
        if self.state is not None and self.state.lower() not in STATES:
            raise NotUnderstood(f"{visible(self.state)[:40]} is no state: {', '.join(STATES)}")
        kind = None if self.type is None else find(self.type.lower())
        if self.type is not None and (kind is None or not kind.spec.answerable):
            raise NotUnderstood(
                f"{visible(self.type)[:40]} is no action: isolate, release, restrict, unrestrict, "
                "scan, collect; or what waited for a second person, such as run"
            )
        seconds = actions.seconds(self.since)
        hours = None if seconds is None else seconds / 3600
        async for row in desk.actions.rows(self.device, self.person, self.type, self.state, hours):
            yield row
