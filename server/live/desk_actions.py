"""The Action Center, as one person at one door sees it."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from commands.isolate import Isolate
from commands.language import items
from commands.language.command import Command, Spec, find
from commands.language.desk.actions import ActionRow, TimelineRow
from commands.language.errors import (
    Cancelled,
    Failed,
    NotUnderstood,
    Refused,
    TimedOut,
)
from commands.language.host.foresight import EffectRow
from commands.language.items import Item, Note, Time
from commands.language.names import Name
from commands.language.names import shown as shown_name
from commands.language.visible import visible
from commands.release import Release
from server.actions.action import Action, number_of, said
from server.actions.asked import Asked
from server.actions.desired import WHAT
from server.actions.timeline import timeline
from server.audit import clock
from server.identity.access import Ask, decide, may_see
from server.live import second_person
from server.live.foresight import foreseen
from server.live.inventory import Device
from server.live.job import Job

if TYPE_CHECKING:
    from server.live.rooms import Rooms
    from server.live.session import Session

PAGE = 200
LOOK_S = 0.5
ANSWER_S = 60.0
"""How long a device that is online may take for isolation or restriction: its probe has 15 s."""


class DeskActions:
    """Implements `commands.language.desk.actions.Actions`."""

    def __init__(
        self, broker: "Rooms", session: "Session", comment: str, where: str, *, follow: bool
    ) -> None:
        self._broker, self._session, self._follow = broker, session, follow
        self._center = broker.actions
        self._comment, self._where = comment, where

    # Asking.
    async def carry_out(self, command: Command) -> AsyncIterator[Item]:
        device = self._device(command)
        opens = await self._center.containment.loosens(device, command)
        if opens:
            # A time to live, or wider rules, over one that holds is no way round `release`.
            judged = self._session.sessions.decide(self._session, Release.spec, device)
            if judged.error is not None:
                raise judged.error
        if self._session.responder.door != "console" and (none := await self.left_out(command)):
            yield Note(f"{said(command)} on {device.name}: {none}")  # nobody was asked there
        action, new = await self._center.ask(
            Asked(
                device=device,
                command=command,
                text=said(command),
                person=self._session.person,
                comment=self._comment,
                door=self._session.responder.door,
                where=self._where,
                second=self._second(command, device, opens=opens),
                opens=opens,
                second_to_open=bool(self._by_rule(Release.spec, device)),
                folder="" if command.spec.bound else self._session.folder,
            )
        )
        if not new:
            yield Note(
                f"{action.label} is open already: {visible(action.text)} on {action.name}, "
                f"asked by {action.person}"
            )
        with self._center.telling.followed(action, self._session.person):
            async for item in self._followed(action, new):
                yield item

    def _second(self, command: Command, device: Device, *, opens: bool) -> bool:
        """Whether somebody else has to approve it; what is no action by itself is here for that."""
        if not command.spec.queued or self._by_rule(command.spec, device):
            return True
        if opens and self._by_rule(Release.spec, device):
            return True
        return self._broker.radius.over(self._session.person, device)

    def _by_rule(self, spec: Spec, device: Device) -> str:
        return second_person.by_rule(self._broker, self._session.person, spec, device)

    async def _followed(self, action: Action, new: bool) -> AsyncIterator[Item]:
        """What it gives while it runs, then what became of it; or what it waits for."""
        loop = asyncio.get_running_loop()
        began, told, last = loop.time(), False, ""
        try:
            while action.open:
                changed = self._center.ledger.changed(action.id)
                if action.state == "Pending" and (waits := self._center.waits_for(action)):
                    yield Note(self._pending(action, waits))
                    return
                if not told and (first := self._center.runs_before(action)):
                    told = True
                    yield Note(f"{action.label} begins after {first.label}, {first.word}")
                if not self._follow and action.word not in WHAT:
                    yield Note(f"{action.label} asked: {visible(action.text)}; actions shows it")
                    return
                job = self._center.queue.job(action.id)
                if job is not None:
                    async for item in _shown(job):
                        last = item.text if isinstance(item, Note) else last
                        yield item
                    await job.wait()
                elif action.word in WHAT and loop.time() - began > ANSWER_S:
                    raise TimedOut(
                        f"{action.name} has not answered {action.label} for {ANSWER_S:g} s; it "
                        f"goes on: actions show {action.label}"
                    )
                await asyncio.wait({changed}, timeout=1.0)
                action = await self._center.ledger.one(action.id) or action
        except asyncio.CancelledError:
            if action.word in WHAT:
                raise
            if not new and action.person != self._session.person:
                raise Cancelled(
                    f"{action.label} goes on for {action.person}, who asked it; only your waiting "
                    f"has ended: actions show {action.label}, cancel {action.label}"
                ) from None
            _, answered = await self._center.cancel(action, self._session.person, "")
            # Who asked for the end hears what became of it on the device.
            said = answered.removeprefix("cancelled: ") or f"{action.word} had not begun"
            said = re.sub(r", #\d+(?=;|$)", "", said)  # its number in the session where it ran
            raise Cancelled(f"{action.label}: {said}") from None
        yield Note(self._over(action, loop.time() - began, visible(last)))

    def _pending(self, action: Action, waits: str) -> str:
        until = ""
        if action.expires_ms is not None:
            until = f"; expires {clock.told(action.expires_ms)}"
        what = f"{visible(action.text)}, {waits}"
        if action.approval == "needed":
            what = f"{visible(action.text)} on {action.name} waits for {waits}"
        return f"{action.label} pending: {what}{until}"

    def _over(self, action: Action, took_s: float, last: str) -> str:
        """The sentence about its good end; raises what else it was. `last` was said already."""
        words = action.error or action.outcome
        if action.state == "Succeeded":
            if action.word in WHAT and words.startswith(f"{action.name} "):
                first = re.split("[,;]", words)[0]  # `web-02 isolated`
                words = words.replace(first, f"{first} in {took_s:.1f} s", 1)
            words = "" if words == last else words
            return f"{action.label} succeeded: {words or visible(action.text)}"
        of = f"{action.word} on {action.name}"
        words = words or action.state
        sentence = (
            f"{action.label}: {words}" if words.startswith(of) else f"{action.label} {of}: {words}"
        )
        if action.state == "Cancelled":
            raise Cancelled(sentence)
        raise (TimedOut if action.state == "TimeOut" else Failed)(sentence)

    def contained(self, device: str) -> tuple[str, bool]:
        found = self._broker.inventory.named(device)
        if found is None:
            return "none", False
        wish = self._center.ledger.wish(found.id, "isolation")
        scope = str(wish.value.get("scope", "none")) if wish.holds or wish.on else "none"
        return scope, wish.by not in ("", self._session.person)

    async def left_out(self, command: Command) -> str:
        device = self._bound(command)
        if device is None or not isinstance(command, Isolate):
            return ""
        return await self._center.containment.left_out(device, command)

    async def foreseen(self, command: Command) -> list[EffectRow] | None:
        device = self._bound(command)
        if device is None:
            return None
        return await foreseen(self._session, device, command.spec.word, self._comment)

    def _bound(self, command: Command) -> Device | None:
        return self._broker.inventory.named(str(getattr(command, "device", "")))

    def _device(self, command: Command) -> Device:
        if not command.spec.bound and self._session.device is not None:
            return self._session.device
        return self._session.sessions.visible_device(
            self._session.person, str(getattr(command, "device", ""))
        )

    # Looking.
    async def rows(
        self, device: str | None, person: str | None, word: str | None, state: str | None,
        hours: float | None,
    ) -> AsyncIterator[ActionRow]:  # fmt: skip
        only = None
        if device is not None:
            known = self._session.sessions.known_devices(self._session.person, device)
            only = [one.id for one in known]
        since_ms = 0 if hours is None else clock.now_ms() - int(hours * 3_600_000)
        asked = (person or "").lower(), (word or "").lower(), (state or "").lower()
        before = 1 << 62
        while page := await self._center.ledger.before(before, PAGE, only):
            for action in page:
                if hours is not None and action.submitted_ms < since_ms:
                    return
                if _fits(action, *asked) and self._sees(action):
                    yield self._row(action)
            before = page[-1].id

    async def show(self, action: str) -> ActionRow:
        return self._row(await self._found(action))

    def timeline(self, device: str, hours: float | None) -> AsyncIterator[TimelineRow]:
        known = self._session.sessions.known_devices(self._session.person, device)
        return timeline(self._broker, known, hours)

    # Answering.
    async def cancel(self, action: str) -> str:
        found = await self._found(action)
        self._may(found, found.word, None)
        if not found.open:
            return f"{found.label} was too late to stop: it is {found.state}"
        by, comment = self._session.person, visible(self._comment)
        over, answered = await self._center.cancel(found, by, comment)
        if not answered and over.state != "Cancelled":
            return f"{over.label} was too late to stop: it is {over.state}"
        return answered or f"{over.label} cancelled: {visible(over.text)} on {over.name}"

    async def approve(self, action: str, digest: str | None) -> str:
        found = await self._waiting(action, "approve")
        if digest is not None and digest != found.sha256:
            raise Refused(f"{found.label} is another one than that digest's; actions show has it")
        opens = await self._still_may(found)
        by, comment = self._session.person, visible(self._comment)
        over = await self._center.approve(found, by, comment, opens=opens)
        again = ""
        if over.by_hand and over.open:
            minutes = self._broker.config.limits.approved_s / 60
            again = f", who types it again within {minutes:g} m"
        self._center.telling.approved(over, again.replace(", who types", "; type"))
        what = f"{visible(over.text)} on {over.name}"
        return f"{over.label} approved: {what}, for {over.person}{again}"

    async def _still_may(self, action: Action) -> bool:
        """Days may have gone by: who asked must be allowed to ask now, as a release too where it
        would end or open an isolation, which is what it says."""
        device, kind = self._broker.inventory.by_id(action.device), find(action.word)
        if device is None or kind is None:
            return False
        specs, opens = [kind.spec], False
        with contextlib.suppress(NotUnderstood):  # its rules are gone, which ends it
            opens = await self._center.containment.loosens(device, action.command())
        if opens:
            specs.append(Release.spec)
        for spec in specs:
            ask = Ask(
                action.person, spec.word, spec.role, None, device.ref, "queue", True, spec.under
            )
            if not (decision := decide(self._broker.access.rules, ask)).allowed:
                raise Refused(f"{action.person} may not ask it any more: {decision.sentence}")
        return opens

    async def deny(self, action: str, reason: str) -> str:
        found = await self._waiting(action, "deny")
        by, comment = self._session.person, visible(self._comment)
        over = await self._center.deny(found, by, visible(reason)[:500], comment)
        return f"{over.label} denied: {visible(over.text)} on {over.name}, for {over.person}"

    async def _waiting(self, name: str, word: str) -> Action:
        found = await self._found(name)
        self._may(found, word, "approve")
        if found.approval != "needed" or not found.open:
            raise Failed(f"{found.label} waits for nobody: it is {found.state}")
        if found.person == self._session.person:
            raise Refused(f"{found.label} is your own; a second person answers it")
        return found

    def _may(self, action: Action, word: str, right: str | None) -> None:
        """The rules' word on it, for this person and the action's device."""
        device = self._broker.inventory.by_id(action.device)
        sessions = self._session.sessions
        if right is not None:
            judged = sessions.decide_right(self._session, word, right, device)
        else:
            kind = find(word)
            assert kind is not None
            judged = sessions.decide(self._session, kind.spec, device)
        if judged.error is not None:
            raise judged.error

    async def _found(self, name: str) -> Action:
        number = number_of(name)
        if number is None:
            raise NotUnderstood(f"{visible(name)[:40]} is no action; they are called like A318")
        found = await self._center.ledger.one(number)
        if found is None or not self._sees(found):
            raise Failed(f"no action {visible(name)[:40]} that you may see; actions lists them")
        return found

    def _sees(self, action: Action) -> bool:
        device = self._broker.inventory.by_id(action.device)
        rules = self._broker.access.rules
        return device is not None and may_see(rules, self._session.person, device.ref)

    def _waits(self, action: Action) -> str:
        """Why it has not begun."""
        if action.state != "Pending":
            return ""
        if action.approval == "needed":
            return f"waits for {self._center.waits_for(action)}"
        device = self._broker.inventory.by_id(action.device)
        if device is None or device.revoked:
            return f"{action.name} is not enrolled any more"
        if not device.online:
            return f"{action.name} is offline"
        first = self._center.runs_before(action)
        return f"begins after {first.label}" if first is not None else ""

    def _row(self, action: Action) -> ActionRow:
        return ActionRow(
            id=action.label,
            device=action.name,
            type=action.word,
            state=action.state,
            person=action.person,
            submitted=Time(action.submitted_ms),
            said=action.error or action.outcome or self._waits(action),
            comment=visible(action.comment),
            command=visible(action.text),
            started=_time(action.started_ms),
            ended=_time(action.ended_ms),
            expires=_time(action.expires_ms),
            error=action.error,
            output=action.output,
            approval=action.approval,
            by=action.by,
            by_comment=action.by_comment,
            folder=shown_name(Name(action.folder)),
            asked_in=action.asked_in,
            ran_in=action.ran_in,
            generation=action.generation,
            sha256=action.sha256,
        )


async def _shown(job: Job) -> AsyncIterator[Item]:
    """Its rows and notes as they come, and how far it is: which is kept nowhere, only looked at."""
    source = job.items()
    coming: asyncio.Future[Item] | None = None
    far: items.Progress | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait({coming}, timeout=LOOK_S)
            if job.progress is not None and job.progress != far:
                far = job.progress
                yield far
            if not done:
                continue
            try:
                item, coming = coming.result(), None
            except StopAsyncIteration:
                return
            if isinstance(item, items.Row | items.Note):
                yield item
    finally:
        if coming is not None:
            coming.cancel()


def _fits(action: Action, person: str, word: str, state: str) -> bool:
    if person and action.person != person:
        return False
    if word and action.word != word:
        return False
    return not state or action.state.lower() == state or (state == "open" and action.open)


def _time(at_ms: int | None) -> Time | None:
    return None if at_ms is None else Time(at_ms)
