"""The Action Center: everything that is asked of a device has one way in and one row.

1. A row is durable before anything comes of it; a comment is required.
2. A rule may want a second person: then nothing is wished or queued before somebody else, counted
   as a person, approved exactly this row. Unanswered for 7 days it lapses as rejected.
3. Isolation and restriction are wishes (containment.py), the rest is run (queue.py). A second scan
   or collection may be the first one's row (joining.py).
"""

import asyncio
import secrets
import weakref
from typing import TYPE_CHECKING

import msgspec

from commands.language.errors import Failed, NotUnderstood, Refused
from server.actions.action import Action
from server.actions.asked import Asked
from server.actions.containment import Containment, Opens
from server.actions.desired import WHAT
from server.actions.joining import joined, repeated
from server.actions.ledger import Ledger, ended
from server.actions.queue import Queue
from server.actions.telling import Telling
from server.audit import clock
from server.evidence import packages
from server.live.device_job import command_value
from server.live.device_words import since
from server.live.inventory import Device
from server.live.whole import whole

if TYPE_CHECKING:
    from server.live.rooms import Rooms

LOOK_S = 1.0


class Center:
    """Made by `open`, once."""

    def __init__(self, broker: "Rooms", ledger: Ledger) -> None:
        self._broker, self.ledger = broker, ledger
        self.containment = Containment(broker, ledger)
        self.queue = Queue(broker, ledger)
        self.telling = Telling(broker, ledger)
        self._until: dict[int, float] = {}
        """By the monotonic clock: what is to expire does, however the wall clock is set."""
        self._answers: weakref.WeakValueDictionary[int, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        """One answer at a time to an action: a yes is not durable at the moment it is given."""

    @classmethod
    async def open(cls, broker: "Rooms") -> "Center":
        """With what the last broker left: what it was running is interrupted, outcome unknown."""
        center = cls(broker, await Ledger.open(broker.store, broker.journal))
        cut = [
            await center._cut_off(action)
            for action in center.ledger.opened()
            if action.state == "InProgress" and action.word not in WHAT
        ]
        await center.ledger.save(cut)
        for action in center.ledger.opened():
            center._watch(action)
        broker.own(center._expire())
        return center

    async def _cut_off(self, action: Action) -> Action:
        """Failed, with what recovery kept of its package."""
        cut = ended(action, "Failed", error=_interrupted(action))
        kept = await packages.kept(self._broker.store, action.ran_in) if action.ran_in else []
        places = [f"/packages/{package.name}, cut off" for package in kept]
        return msgspec.structs.replace(cut, output="; ".join(places)[:2000])

    async def ask(self, asked: Asked) -> tuple[Action, bool]:
        """The action's row, and whether it is a new one. Who asks may go: it is asked whole."""
        return await whole(self._ask(asked), self._broker.own)

    async def _ask(self, asked: Asked) -> tuple[Action, bool]:
        word = asked.command.spec.word
        if not asked.comment.strip():
            raise Refused(
                f"{word} on {asked.device.name} needs a comment; add -comment 'case and reason'"
            )
        if word not in WHAT:
            run_there = [a for a in self.ledger.opened(asked.device.id) if a.word not in WHAT]
            one = (
                joined(run_there, asked.command, second=asked.second)
                if asked.command.spec.queued
                else repeated(run_there, asked)
            )
            if one is not None:
                return one, False
        else:
            # What cannot be has no row.
            await self.containment.value(asked.command, asked.device)
        action = self._made(asked)
        self._watch(action)
        if asked.second:
            return await self._wait(action), True
        try:
            return await self._begin(action, asked.device, opens=asked.opens), True
        except Opens:
            if not asked.second_to_open:
                raise
            return await self._wait(action), True

    def _made(self, asked: Asked) -> Action:
        word = asked.command.spec.word
        lasts_s = None if word in WHAT else self._broker.config.limits.queue_s
        return Action(
            id=self.ledger.next_id(),
            device=asked.device.id,
            name=asked.device.name,
            word=word,
            value=command_value(asked.command),
            text=asked.text,
            person=asked.person,
            comment=asked.comment,
            door=asked.door,
            asked_in=asked.where,
            folder=asked.folder,
            submitted_ms=clock.now_ms(),
            expires_ms=_in(lasts_s),
            nonce=secrets.token_hex(16),
        )

    async def _wait(self, action: Action) -> Action:
        """For a second person."""
        until = _in(self._broker.config.limits.approval_s)
        waits = msgspec.structs.replace(action, approval="needed", expires_ms=until)
        self._watch(waits)
        await self.ledger.save([waits])
        return waits

    async def _begin(self, action: Action, device: Device, *, opens: bool) -> Action:
        if action.word in WHAT:
            return await self.containment.wish(action, opens=opens)
        await self.ledger.save([action])
        self.queue.wake(device)
        return action

    async def begin_by_hand(self, action: Action, session: str) -> Action:
        """Its person types an approved line again: the yes is used up. Follow it by the queue."""
        begun = msgspec.structs.replace(
            action, state="InProgress", started_ms=clock.now_ms(), ran_in=session
        )
        await self.ledger.save([begun])
        return begun

    async def approve(self, action: Action, by: str, comment: str, *, opens: bool) -> Action:
        """The second person's yes: it begins, and has its full time to wait for its device.

        `opens`: it was judged as a release too.
        """
        return await whole(self._answered(action, by, comment, opens), self._broker.own)

    def _answer(self, action: Action) -> asyncio.Lock:
        return self._answers.setdefault(action.id, asyncio.Lock())

    async def _answered(self, action: Action, by: str, comment: str, opens: bool) -> Action:
        async with self._answer(action):
            await self._still_waiting(action)
            return await self._approve(action, by, comment, opens)

    async def _approve(self, action: Action, by: str, comment: str, opens: bool) -> Action:
        limits = self._broker.config.limits
        lasts_s: float | None = limits.approved_s if action.by_hand else limits.queue_s
        if action.word in WHAT:
            lasts_s = None
        yes = msgspec.structs.replace(
            action, approval="given", by=by, by_comment=comment,
            expires_ms=_in(lasts_s), lapsing_ms=action.expires_ms,
        )  # fmt: skip
        device = self._broker.inventory.by_id(action.device)
        error = f"{action.name} is not enrolled any more"
        try:
            if device is not None and not device.revoked:
                # One commit and one record: the yes, and what it lets begin.
                begun = await self._begin(yes, device, opens=opens)
                self._watch(begun)
                return begun
        except Opens as opening:
            raise Failed(f"{opening}; {action.label} still waits") from None
        except (NotUnderstood, Failed) as gone:  # its set of rules
            error = str(gone)
        over = ended(yes, "Failed", error=error)
        await self.ledger.save([over])
        return over

    async def _still_waiting(self, action: Action) -> None:
        """Of two that answer at once the second one answers nothing."""
        now = await self.ledger.one(action.id)
        if now is None or now.sha256 != action.sha256 or now.approval != "needed" or not now.open:
            raise Failed(f"{action.label} waits for nobody any more")

    async def deny(self, action: Action, by: str, reason: str, comment: str) -> Action:
        """The second person's no."""
        return await whole(self._deny(action, by, reason, comment), self._broker.own)

    async def _deny(self, action: Action, by: str, reason: str, comment: str) -> Action:
        async with self._answer(action):
            await self._still_waiting(action)
            return await self._denied(action, by, reason, comment)

    async def _denied(self, action: Action, by: str, reason: str, comment: str) -> Action:
        words = f"rejected by {by}" + (f": {reason}" if reason else "")
        no = msgspec.structs.replace(
            ended(action, "Cancelled", error=words), approval="denied", by=by, by_comment=comment
        )
        await self.ledger.save([no], by=by)
        return no

    async def cancel(self, action: Action, by: str, comment: str = "") -> tuple[Action, str]:
        """Taken back while it waits, stopped while it runs; the row then, and what was said."""
        return await whole(self._cancel(action, by, comment), self._broker.own)

    async def _cancel(self, action: Action, by: str, comment: str) -> tuple[Action, str]:
        async with self._answer(action):
            action = await self.ledger.one(action.id) or action
            if not action.open:
                return action, ""
            if action.state == "Pending" and not action.generation:
                return await self._taken_back(action, by, comment), ""
        if action.word in WHAT and action.generation:
            return await self.containment.withdraw(action, by, comment), ""
        if action.state == "InProgress":
            said = await self.queue.stop(action, by, comment)
            return await self.ledger.one(action.id) or action, said
        return await self._taken_back(action, by, comment), ""

    async def _taken_back(self, action: Action, by: str, comment: str) -> Action:
        over = ended(action, "Cancelled", outcome=f"by {by}")
        over = msgspec.structs.replace(over, by=by, by_comment=comment)
        await self.ledger.save([over], by=by)
        return over

    # What devices do.
    async def line_up(self, device: Device) -> None:
        """Its line is open: it hears what it is to be, and what waits for it begins."""
        await self.containment.tell(device)
        self.queue.wake(device)

    def waits_for(self, action: Action) -> str:
        """Why it has not begun; empty where nothing keeps it."""
        if action.approval == "needed":
            return f"a second person: approve {action.label}, or deny {action.label}"
        if action.by_hand:
            return f"{action.person}, who types the same line again"
        device = self._broker.inventory.by_id(action.device)
        if device is not None and not device.online:
            return f"{device.name} is offline{since(device)}"
        return ""

    def runs_before(self, action: Action) -> Action | None:
        """What its device runs now, where it waits for the end of that."""
        if action.state != "Pending" or action.word in WHAT:
            return None
        others = self.ledger.opened(action.device)
        running = (
            a for a in others
            if a.state == "InProgress" and a.word not in WHAT and a.beside == action.beside
        )  # fmt: skip
        return next(running, None)

    # Time.
    def _watch(self, action: Action) -> None:
        self._until.pop(action.id, None)
        if action.expires_ms is not None:
            left_s = max(0, action.expires_ms - clock.now_ms()) / 1000
            self._until[action.id] = asyncio.get_running_loop().time() + left_s

    async def _expire(self) -> None:
        """By the stricter of both clocks."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = asyncio.get_running_loop().time()
            due = [
                action
                for action in self.ledger.opened()
                if action.state == "Pending"
                and action.expires_ms is not None
                and not self._answer(action).locked()
                and (
                    action.expires_ms <= clock.now_ms()
                    or self._until.get(action.id, now + 1) <= now
                )
            ]
            if due:
                await self.ledger.save([_expired(action) for action in due])
            for action in due:
                self._until.pop(action.id, None)


def _in(lasts_s: float | None) -> int | None:
    return None if lasts_s is None else clock.now_ms() + int(lasts_s * 1000)


def _expired(action: Action) -> Action:
    if action.approval == "needed":
        words = "rejected: nobody approved it in time"
        return msgspec.structs.replace(ended(action, "Cancelled", error=words), approval="lapsed")
    whose = f"{action.person} did not type it again" if action.by_hand else action.name
    whose += "" if action.by_hand else " did not come"
    return ended(action, "TimeOut", error=f"{whose} in time; nothing was run")


def _interrupted(action: Action) -> str:
    return f"interrupted when the broker stopped; what {action.word} did is not known"
