"""Isolation and restriction: wishes told to devices, and their answers taken.

1. A wish is durable before a device hears of it; at each of its lines it hears it again.
2. The device's word counts only with its proof: the digest of the rules in force is of the rules
   that it sent.
3. What a device says beyond its answers (tampering, blocked starts) is journaled, so many an hour.
"""

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from commands.isolate import Isolate
from commands.language import actions as lengths
from commands.language import wire_contain as wire
from commands.language.command import Command
from commands.language.enrolment import written_place
from commands.language.errors import Failed, NotUnderstood
from commands.language.visible import visible
from commands.restrict import Restrict
from server.actions import desired
from server.actions.action import Action
from server.actions.desired import WHAT, What, Wish
from server.actions.ledger import Ledger, ended
from server.actions.selective import rules_named
from server.audit import clock
from server.audit.action_records import DeviceSaw
from server.live.budget import Budget
from server.live.inventory import Device

if TYPE_CHECKING:
    from server.live.rooms import Rooms

HOUR_S = 3600.0
MOST_GENERATION = 1 << 48
"""A device that names a higher one has not heard it from a broker."""
MOST_RAISED = 10
MOST_WISH = 48_000
"""Of one message of the control line, with room for the rest of it."""
NOTICE = "This device was isolated from the network by your security team."
ENDED = {"ttl": "its time was over", "token": "a release token was used on it"}
RESTRICTED = "Your security team lets only known programs start on this device."


class Opens(Failed):
    """It would end or open an isolation that was none when it was judged."""


class Containment:
    """What every device is to be."""

    def __init__(self, broker: "Rooms", ledger: Ledger) -> None:
        self._broker, self._ledger = broker, ledger
        self._seen = Budget(broker.config.limits.violations_per_hour, HOUR_S)
        self._raised = Budget(MOST_RAISED, HOUR_S)
        self._turns: dict[str, asyncio.Lock] = {}
        """One thing at a time for a device: nothing is sent or answered that is not durable."""

    async def wish(self, action: Action, *, opens: bool) -> Action:
        """Makes the action's wish, or joins the one there is; durable, and sent, on return.

        `opens`: whether it was judged as a release too. What was asked at the same time may have
        come first, so that only now there is something to open: then it raises Opens, undone.
        """
        command = action.command()
        value = await self.value(command, self._broker.inventory.by_id(action.device))
        async with self._turn(action.device):
            if not opens and self._loosens(action.device, command, value):
                raise Opens(
                    f"{action.word} on {action.name}: it was isolated by somebody else meanwhile, "
                    "which this would end or open; look at it and ask again"
                )
            return await self._wish(action, value)

    async def loosens(self, device: Device, command: Command) -> bool:
        """Whether it would end or open an isolation that is to hold, as `release` does."""
        return self._loosens(device.id, command, await self.value(command, device))

    def _loosens(self, device: str, command: Command, value: dict[str, object]) -> bool:
        wish = self._ledger.wish(device, "isolation")
        return isinstance(command, Isolate) and desired.loosens(wish, value)

    def _turn(self, device: str) -> asyncio.Lock:
        return self._turns.setdefault(device, asyncio.Lock())

    async def _wish(self, action: Action, value: dict[str, object]) -> Action:
        what, on = WHAT[action.word], action.word in ("isolate", "restrict")
        before = self._ledger.wish(action.device, what)
        device = self._broker.inventory.by_id(action.device)
        denied = _denied(device, what, str(value.get("scope", "none")), on)
        if on and before.on and before.answered == "done" and not denied:
            # A time to live or a token may have ended it where no word came through.
            denied = device is None or device.line is None or not await device.line.lives()
        asked = desired.ask(
            before, action.id, value, on=on, by=action.person,
            denied=denied,
            above=_highest(device, what),
        )  # fmt: skip
        over = [
            ended(other, "Cancelled", outcome=f"superseded by {action.label}")
            for other in self._ledger.opened(action.device)
            if other.id in asked.superseded
        ]
        action = msgspec.structs.replace(
            action, generation=asked.wish.generation, joined=asked.joined
        )
        if asked.already:
            action = ended(action, "Succeeded", outcome="already so")
        elif device is not None and device.line is not None:
            action = _under_way(action)
        await self._ledger.save([action, *over], [(action.device, what, asked.wish)])
        if device is not None and (action.state == "InProgress" or asked.wish != before):
            self._send(device)
        return action

    async def withdraw(self, action: Action, by: str, comment: str) -> Action:
        """Takes the action's wish back, unless others wait for the same."""
        async with self._turn(action.device):
            return await self._withdraw(action, by, comment)

    async def _withdraw(self, action: Action, by: str, comment: str) -> Action:
        what = WHAT[action.word]
        action = await self._ledger.one(action.id) or action
        if not action.open:
            return action  # its device answered while this waited for its turn
        device = self._broker.inventory.by_id(action.device)
        wish = self._ledger.wish(action.device, what)
        wish = desired.withdraw(wish, action.id, _highest(device, what))
        over = ended(action, "Cancelled", outcome=f"by {by}")
        over = msgspec.structs.replace(over, by=by, by_comment=comment)
        await self._ledger.save([over], [(action.device, what, wish)])
        if device is not None:
            await self._tell(device)
        return over

    async def tell(self, device: Device) -> None:
        """Sends what the device is to be, where it has a line; its actions are under way then."""
        async with self._turn(device.id):
            await self._tell(device)

    async def _tell(self, device: Device) -> None:
        if device.line is None:
            return
        waiting = [
            _under_way(action)
            for action in self._ledger.opened(device.id)
            if action.word in WHAT and action.state == "Pending" and action.generation
        ]
        if waiting:
            await self._ledger.save(waiting)
        self._send(device)

    def _send(self, device: Device) -> None:
        """The line may have gone, or be another one, while the disk wrote."""
        if device.line is not None and (want := self.want(device.id)) is not None:
            device.line.send(want)

    def want(self, device: str) -> wire.Want | None:
        """The whole of what the device is to be; None where nobody ever wished anything."""
        isolation = self._ledger.wish(device, "isolation")
        restriction = self._ledger.wish(device, "restriction")
        if not isolation.generation and not restriction.generation:
            return None
        scope = "full" if isolation.on else "none"
        plain: dict[str, Any] = {"scope": scope, **isolation.value}
        return wire.Want(
            isolation=msgspec.convert({**plain, "generation": isolation.generation}, wire.Isolate)
            if isolation.generation
            else None,
            restriction=wire.Restrict(
                generation=restriction.generation,
                on=restriction.on,
                notice=RESTRICTED if restriction.on else "",
            )
            if restriction.generation
            else None,
            places=tuple(self._places()),
        )

    async def said(self, device: Device, message: wire.Contained) -> None:
        """What the device says that it is: proof first, then its actions end."""
        if (lie := _lie(message)) is not None:
            self._broker.sessions.violated(device, lie)
            return
        async with self._turn(device.id):
            if message.isolation is not None:
                device.isolation = message.isolation
                await self._isolated(device, message.isolation)
            if message.restriction is not None:
                device.restriction = message.restriction
                await self._restricted(device, message.restriction)
        for seen in message.seen:
            await self._record(device, seen)

    async def _isolated(self, device: Device, now: wire.Isolated) -> None:
        if now.stage == "converging":
            return
        wish = await self._above(device, "isolation", now.generation)
        wanted = str(wish.value.get("scope", "none")) if wish.on else "none"
        kind: desired.Answer = "failed" if now.stage == "failed" else "done"
        error = now.error
        if now.ended_by:
            kind = "over"
        elif kind == "done" and now.scope != wanted:
            kind, error = "failed", f"it says done and is {now.scope}, not {wanted}"
        said = ""
        if kind == "done" and wish.on:
            reached = "broker reached anew" if now.reached else "broker not reached"
            cut = "1 connection" if now.cut == 1 else f"{now.cut:,} connections"
            lets_pass = _lets_pass(device, wish) and not now.left_out.startswith(wire.NONE_APPLIES)
            scope = "isolated but for its rules" if lets_pass else "isolated"
            left_out = f"; {visible(now.left_out)[:500]}" if now.left_out else ""
            said = f"{device.name} {scope}, {reached}; {cut} ended{left_out}; undo: release"
        elif kind == "done":
            said = f"{device.name} released"
        elif kind == "over":  # it came and went where no word came through
            said = f"{device.name} was isolated; {ENDED[now.ended_by]}"
        await self._answered(
            device, "isolation", now.generation, kind, now.scope != "none",
            said, error, now.table_sha256, now.ended_by,
        )  # fmt: skip

    async def _restricted(self, device: Device, now: wire.Restricted) -> None:
        if now.stage == "converging":
            return
        wish = await self._above(device, "restriction", now.generation)
        kind: desired.Answer = "failed" if now.stage == "failed" else "done"
        error = now.error
        if kind == "done" and now.on != wish.on:
            kind, error = "failed", f"it says done and is {'on' if now.on else 'off'}"
        said = f"{device.name} restricted by {visible(now.by)}; undo: unrestrict"
        if not wish.on:
            said = f"{device.name} unrestricted"
        await self._answered(
            device, "restriction", now.generation, kind, now.on, said, error, now.proof_sha256, ""
        )

    async def _above(self, device: Device, what: What, named: int) -> Wish:
        """The wish; with a higher generation where somebody waits for it and the device has heard
        of a higher one: this broker's store came from a backup."""
        wish = self._ledger.wish(device.id, what)
        if not wish.waiting or not wish.generation < named <= MOST_GENERATION:
            return wish
        if self._raised.spend(device.id, asyncio.get_running_loop().time()) <= 0:
            return wish
        higher = msgspec.structs.replace(wish, generation=named + 1)
        waiting = [
            msgspec.structs.replace(action, generation=named + 1)
            for action in self._ledger.opened(device.id)
            if action.id in wish.waiting
        ]
        await self._ledger.save(waiting, [(device.id, what, higher)])
        self._send(device)
        return higher

    async def _answered(
        self, device: Device, what: What, generation: int, kind: desired.Answer,
        contained: bool, said: str, error: str, proof: str, ended_by: str,
    ) -> None:  # fmt: skip
        wish = self._ledger.wish(device.id, what)
        answered = desired.answer(wish, generation, kind, contained=contained)
        if not answered.news:
            return
        over = []
        waiting = [a for a in self._ledger.opened(device.id) if a.id in answered.ended]
        for at, action in enumerate(waiting):
            if kind == "failed":
                words = visible(error) or "the device gave no reason"
                over.append(ended(action, "Failed", error=words))
            else:
                text = said if at == 0 or not action.joined else f"already so: {said}"
                over.append(ended(action, "Succeeded", outcome=text))
        await self._ledger.save(over, [(device.id, what, answered.wish)], by="", proof=proof)
        if ended_by:
            text = f"isolation {generation} ended: {ENDED[ended_by]}"
            await self._note(device, ended_by, text, clock.now_ms())

    async def _record(self, device: Device, seen: wire.Seen) -> None:
        # Of each kind: programs that are blocked without end must not hide who flushes the rules.
        spent = f"{device.id} {seen.kind}"
        left = self._seen.spend(spent, asyncio.get_running_loop().time())
        if left <= 0:
            return
        text = visible(seen.text)[:1000]
        if left == 1:
            text = f"more of this hour are not recorded ({seen.kind})"
        await self._note(device, seen.kind, text, seen.at_ms)

    async def _note(self, device: Device, what: str, text: str, at_ms: int) -> None:
        for session in self._broker.sessions.live.values():
            if session.device is device:
                session.notify(f"{device.name}: {text}")
        await self._broker.journal.broker.append(
            DeviceSaw(device=device.id, name=device.name, what=what, text=text, at_ms=at_ms)
        )

    async def left_out(self, device: Device, command: Isolate) -> str:
        """Which of its rules have nothing on such a device to be for."""
        if command.type != "selective" or device.platform != "linux":
            return ""
        rules = (await self.value(command, device))["rules"]
        return wire.left_out(msgspec.convert(rules, tuple[wire.Allowance, ...]))

    async def value(self, command: Command, device: Device | None) -> dict[str, object]:
        """The wish in the wire's form, without its generation; NotUnderstood where there is none
        of such a form."""
        platform = device.platform if device is not None else ""
        if isinstance(command, Isolate) and command.type == "selective":
            return await asyncio.to_thread(self._value, command, platform)  # its rules are a file
        return self._value(command, platform)

    def _value(self, command: Command, platform: str) -> dict[str, object]:
        if not isinstance(command, Isolate):
            return {"on": True} if isinstance(command, Restrict) else {}
        rules: tuple[wire.Allowance, ...] = ()
        if command.type == "selective":
            rules = rules_named(self._broker.config.state, command.rules, platform)
        wish = wire.Isolate(
            generation=0,
            scope=command.type,
            rules=rules,
            ttl_s=lengths.seconds(command.ttl),
            force=command.force,
            notice=NOTICE,
        )
        if len(msgspec.json.encode(wish)) > MOST_WISH:
            raise NotUnderstood(f"the rules {command.rules} are over {MOST_WISH:,} bytes as sent")
        value: dict[str, object] = msgspec.to_builtins(wish)
        del value["generation"]
        return value

    def _places(self) -> list[str]:
        """Where devices reach this broker, as the operator named it."""
        port = self._broker.ports.devices
        hosts = self._broker.config.names
        return sorted({written_place(host, port) for host in hosts})


def _under_way(action: Action) -> Action:
    return msgspec.structs.replace(action, state="InProgress", started_ms=clock.now_ms())


def _denied(device: Device | None, what: What, scope: str, on: bool) -> bool:
    """Whether the device's last word is that it is not so."""
    if device is None:
        return False
    if what == "isolation":
        isolation = device.isolation
        settled = isolation is not None and isolation.stage != "converging"
        return isolation is not None and settled and isolation.scope != scope
    restriction = device.restriction
    settled = restriction is not None and restriction.stage != "converging"
    if restriction is None or not settled:
        return False
    return restriction.on != on or (on and restriction.broken)


def _lets_pass(device: Device, wish: Wish) -> bool:
    """Whether any rule of the wish has something on such a device to be for."""
    rules = msgspec.convert(wish.value.get("rules", ()), tuple[wire.Allowance, ...])
    return any(not (one.of_windows and device.platform == "linux") for one in rules)


def _highest(device: Device | None, what: What) -> int:
    """The generation that the device itself named last, within reason."""
    now = getattr(device, what, None)
    return min(now.generation, MOST_GENERATION) if now is not None else 0


def _lie(message: wire.Contained) -> str | None:
    """What cannot be true of it; None where nothing speaks against it."""
    restriction = message.restriction
    restricted = restriction is not None and restriction.stage == "done" and restriction.on
    if restriction is not None and restricted and not restriction.proof_sha256:
        return "said to be restricted, without the digest of what may start"
    now = message.isolation
    if now is None or now.stage != "done":
        return None
    if now.scope != "none" and not now.table_sha256:
        return "said to be isolated, without the digest of its rules"
    short = 0 < len(now.table) < 4096
    if short and hashlib.sha256(now.table.encode()).hexdigest() != now.table_sha256:
        return "sent rules of its isolation with another digest than theirs"
    return None
