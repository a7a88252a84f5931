"""Isolation on the device: converges to what is wanted, proves it, keeps it, ends it in time.

1. Only a higher generation changes anything. One that failed, ran out or was released by a token is
   answered for good: another try is another generation.
2. What is about to be in force is durable first, what is in force is durable after. A guard that
   died in between begins that generation again, a few times.
3. Final is what a *new* connection to the broker has proved with the rules in force. Without it,
   within PROVE_S, what was in force before comes back (a forced one stays; that takes a TTL).
4. After that no error undoes it: only a release, its TTL or a token do.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from commands.language.errors import Failed, FirelineError
from commands.language.wire_contain import Isolate, Isolated, Stage
from endpoint_shim import boot_clock, edges, guard_state
from endpoint_shim.firewall import Firewall, InForce, Plan
from endpoint_shim.guard_state import Force, Record
from endpoint_shim.reach import Reach, news

PROVE_S = 15.0
PAUSE_S = 0.5
MAX_TRIES = 3
LONGEST_TABLE, LONGEST_ERROR = 4096, 2000

log = logging.getLogger("fireline.guard")


class Isolation:
    """One device's isolation; its methods are called by one task, one after the other."""

    def __init__(
        self,
        record: Record,
        firewall: Firewall,
        reach: Reach,
        check_word: Callable[[str], None],
    ) -> None:
        self._record = record
        self._kept = record.kept
        self._firewall = firewall
        self._reach = reach
        self._check_word = check_word
        self.prove_s = PROVE_S
        self.wake: Callable[[], None] = lambda: None
        """Asks for a turn at once."""
        self._expected: InForce | None = None
        self._plan: Plan | None = None
        self._proof: asyncio.Task[tuple[str, str]] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._notice: asyncio.Task[None] | None = None
        self._plan_changed = False
        self._put = asyncio.Event()
        """Set while the rules are what is known."""
        self._unclean = False
        """Whether rules may still be there that nobody wants."""

    async def start(self, wanted: Isolate | None = None) -> None:
        """What was in force is so again before anything else, and nothing is where nothing was."""
        if await self._is_lost(wanted):
            assert wanted is not None
            await self._take_up(wanted)
        elif self._kept.force is None:
            with contextlib.suppress(FirelineError):  # logged, and tried again at each turn
                await self._remove()
        elif self._kept.isolation.stage != "converging":
            await self._mend("the isolation was put in force again as the guard started", "note")

    async def _is_lost(self, wanted: Isolate | None) -> bool:
        """Whether the state is gone, or cannot be read, though the rules of a wish are in force."""
        if wanted is None or wanted.scope == "none" or self._kept.isolation.generation:
            return False
        return self._kept.force is None and await asyncio.to_thread(self._firewall.read) is not None

    async def _take_up(self, wanted: Isolate) -> None:
        """What is in force was proven: it needs no proof again, which somebody could prevent. Of
        its time nothing is known, so that begins anew."""
        self._kept.force = guard_state.timed(guard_state.force_of(wanted), wanted)
        self._kept.isolation = Isolated(generation=wanted.generation, stage="done")
        await self._reach.look_up()
        await self._enforce()
        self._record.saw("tampering", "the isolation's state was lost; its rules stay in force")
        self._record.say()

    async def turn(self, wanted: Isolate | None) -> None:
        """One look: at what is wanted, at the proof, at the time that is left, at the rules."""
        if self._unclean and self._kept.force is None:
            with contextlib.suppress(FirelineError):
                await self._remove()
        if wanted is not None and self._is_news(wanted):
            await self._begin(wanted)
        elif self._proof is not None and self._proof.done():
            await self._proved(*self._proof.result())
        elif self._ran_out():
            await self._over("ttl")
        elif self._plan_changed:
            await self._enforce()
        elif self._kept.force is not None:
            await self._mend_changed(self._kept.force)

    async def end_by_token(self, nonce: str, until_ms: int) -> None:
        """The token counts no more from here on, even if the guard comes no further."""
        self._kept.used[nonce] = until_ms
        self._record.save()
        if self._kept.force is None:
            return
        try:
            await self._over("token")
        except FirelineError as error:
            del self._kept.used[nonce]
            self._record.save()
            raise Failed(f"{error}; the token was not used up") from None

    async def restore(self) -> None:
        """Before the network is up: what was in force, proven or not, as the state has it."""
        if self._ran_out():
            await self._over("ttl")
        elif self._kept.force is not None:
            await self._enforce()

    def refresh(self) -> bool:
        """Where the broker is now: asked again, proven, and open from then on; False where that
        has to wait, for it is just being done."""
        if self._kept.force is None:
            return True
        if self._proof is not None or (self._looking is not None and not self._looking.done()):
            return False
        self._looking = asyncio.create_task(self._look_again())
        return True

    async def line(self, place: str, address: str, port: int) -> None:
        """The control line stands on another address: that stays open from now on."""
        if self._reach.line(place, address, port) and self._kept.force is not None:
            await self._enforce()

    async def close(self) -> None:
        """Ends its own tasks; the rules stay."""
        tasks = {one for one in (self._proof, self._looking) if one is not None}
        self._proof = self._looking = None
        for one in tasks:
            one.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _is_news(self, wanted: Isolate) -> bool:
        answered = self._kept.isolation
        if wanted.generation == answered.generation:
            return answered.stage == "converging" and self._proof is None
        return wanted.generation > answered.generation

    async def _begin(self, wanted: Isolate) -> None:
        await self.close()
        if self._kept.isolation.stage != "converging":
            self._kept.back = self._kept.force
        try:
            if wanted.scope == "none":
                self._check_word("release")
                await self._remove()
                self._kept.force = self._kept.back = None
                self._state("done", wanted.generation)
            else:
                self._check_word("isolate")
                if self._kept.back is not None and guard_state.opens(self._kept.back, wanted):
                    self._check_word("release")
                await self._isolate(wanted)
        except (FirelineError, OSError) as error:
            await self._back(wanted.generation, str(error))

    async def _isolate(self, wanted: Isolate) -> None:
        if wanted.force and wanted.ttl_s is None:
            raise Failed("an isolation that stays without the broker needs a -ttl")
        await asyncio.to_thread(edges.check, guard_state.rules_of(wanted))
        old = self._kept.force
        again = old is not None and old.generation == wanted.generation
        tries = old.tries + 1 if old is not None and again else 1
        if tries > MAX_TRIES:
            raise Failed(f"the guard ended {MAX_TRIES} times before it was proven")
        force = guard_state.force_of(wanted, tries)
        self._kept.force = force
        self._kept.isolation = Isolated(generation=wanted.generation, stage="converging")
        self._record.save()
        if not self._reach.known:
            await self._reach.look_up()
        plan = await self._enforce()
        self._kept.force = guard_state.timed(force, wanted)
        cut = await asyncio.to_thread(self._firewall.cut, plan)
        if left_out := await asyncio.to_thread(edges.left_out, force.rules):
            self._record.saw("note", left_out)
        self._state("converging", wanted.generation, cut=cut, left_out=left_out)
        if wanted.notice and tries == 1:
            self._notice = asyncio.create_task(asyncio.to_thread(edges.notify, wanted.notice))
        self._proof = asyncio.create_task(self._prove())
        self._proof.add_done_callback(lambda _: self.wake())

    async def _prove(self) -> tuple[str, str]:
        """The address reached, or what was seen instead; asks for names again meanwhile."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.prove_s
        why = ""
        while True:
            try:
                reached, changed, why = await self._reach.prove(self._follow)
                if reached:
                    return reached, ""
                changed |= await self._reach.look_up()
                await self._put_in_force(changed or await self._rerouted())
            except (FirelineError, OSError) as error:
                why = str(error)
            if loop.time() >= end:
                return "", why
            await asyncio.sleep(PAUSE_S)

    async def _look_again(self) -> None:
        try:
            await self._put_in_force(await self._reach.look_up() or await self._rerouted())
            _, changed, _ = await self._reach.prove()
            await self._put_in_force(changed)
            self._reach.keep_ways()  # somebody may have taken the file away
        except (FirelineError, OSError) as error:
            log.warning("where the broker is was not found out: %s", error)

    async def _rerouted(self) -> bool:
        """Whether the same places ask for other rules: a tunnel came, or a name server."""
        force = self._kept.force
        if force is None or self._plan is None:
            return False
        if any(one.service for one in force.rules):
            return True  # a unit may have been started since
        return await self._reach.plan(force.rules) != self._plan

    async def _follow(self) -> None:
        """Where a tunnel leads is seen only once something was sent there."""
        if self._plan is not None and self._plan.ports:
            await self._put_in_force(await self._rerouted())

    async def _put_in_force(self, changed: bool) -> None:
        """By the next turn: two tasks must not change the rules at once."""
        if changed:
            self._plan_changed = True
            self._put.clear()
            self.wake()
            async with asyncio.timeout(PROVE_S):
                await self._put.wait()

    async def _proved(self, reached: str, why: str) -> None:
        self._proof = None
        force = self._kept.force
        assert force is not None
        if not reached and not force.forced:
            why = f"the broker was not reached by a new connection, so it was undone: {why}"
            await self._back(force.generation, why)
            return
        if reached:
            # Final is what is there now, and the proof may have opened an address to all.
            proven = self._reach.proven == self._kept.brokers
            if proven and await self._reach.plan(force.rules) == self._plan:
                await self._mend_changed(force)
            else:
                await self._enforce()
        error = "" if reached else f"kept by force; the broker was not reached: {why}"
        self._kept.back = None
        now = self._kept.isolation
        self._state(
            "done",
            force.generation,
            cut=now.cut,
            left_out=now.left_out,
            reached=reached,
            error=error,
        )

    async def _back(self, generation: int, why: str) -> None:
        """As it was before; what cannot be taken back now is tried again at each turn."""
        log.error("isolation %d is undone: %s", generation, why)
        self._kept.force, self._kept.back = self._kept.back, None
        try:
            if self._kept.force is None:
                await self._remove()
            else:
                await self._enforce()
        except (FirelineError, OSError) as error:
            if str(error) not in why:
                why = f"{why}; and what was before is not back yet: {error}"
            self._plan_changed = self._kept.force is not None
        try:
            self._state("failed", generation, error=why[:LONGEST_ERROR])
        except OSError:  # a full disk; that it failed is told all the same
            self._record.tell()

    async def _over(self, by: Literal["ttl", "token"]) -> None:
        """Ended on the device's own account; what is wanted stays answered."""
        await self.close()
        await self._remove()
        self._kept.force = self._kept.back = None
        self._state("done", self._kept.isolation.generation, ended_by=by)

    async def _mend_changed(self, force: Force) -> None:
        units = any(one.service for one in force.rules)
        or_unit = ", or a unit that they name was started anew" if units else ""
        await self._mend(f"somebody changed the isolation's rules{or_unit}; they were put back")

    async def _mend(self, what: str, kind: Literal["tampering", "note"] = "tampering") -> None:
        """Puts the rules back where they are not as they were put."""
        now = await asyncio.to_thread(self._firewall.read)
        if now is not None and self._expected is not None and now.sha256 == self._expected.sha256:
            return
        known = self._expected is not None
        plan = await self._enforce()
        await asyncio.to_thread(self._firewall.cut, plan)
        if known or now is None:
            if kind == "tampering":
                mended = self._kept.isolation.mended + 1
                self._kept.isolation = replace(self._kept.isolation, mended=mended)
            # Who does it without pause is told of once a minute, and counted.
            if self._record.saw(kind, what):
                self._record.say()

    async def _enforce(self) -> Plan:
        """The rules as everything known now asks for them."""
        force = self._kept.force
        assert force is not None
        self._plan_changed = False
        plan = await self._reach.plan(force.rules)
        if self._kept.isolation.stage == "done":
            for text in news(self._plan, plan):
                self._record.saw("note", text)
        self._plan = plan
        self._expected = await asyncio.to_thread(self._firewall.apply, plan)
        self._put.set()
        self._record.keep_rules(self._expected.again)
        self._reach.keep_ways()
        self._kept.brokers = self._reach.proven
        before, now = self._kept.isolation, self._with_table(self._kept.isolation)
        self._kept.isolation = now
        if before.stage == "done" and before.table_sha256 != now.table_sha256:
            self._record.say()
        else:
            self._record.save()
        return plan

    async def _remove(self) -> None:
        try:
            await asyncio.to_thread(self._firewall.remove)
        except FirelineError as error:
            if not self._unclean:
                log.error("the isolation's rules could not be taken away: %s", error)
            self._unclean = True
            raise
        self._expected = None
        self._plan_changed = self._unclean = False
        self._record.keep_rules("")
        self._reach.forget_ways()

    def _state(
        self,
        stage: Stage,
        generation: int,
        *,
        cut: int = 0,
        left_out: str = "",
        reached: str = "",
        error: str = "",
        ended_by: Literal["", "ttl", "token"] = "",
    ) -> None:
        """What is, kept and told."""
        self._kept.isolation = self._with_table(
            Isolated(
                generation=generation,
                stage=stage,
                cut=cut,
                left_out=left_out[:LONGEST_ERROR],
                reached=reached,
                error=error,
                ended_by=ended_by,
                mended=self._kept.isolation.mended if self._kept.force is not None else 0,
            )
        )
        self._record.say()

    def _with_table(self, isolated: Isolated) -> Isolated:
        force, now = self._kept.force, self._expected
        if force is None or now is None:
            return replace(isolated, scope="none", table="", table_sha256="")
        table = now.table[:LONGEST_TABLE]
        return replace(isolated, scope=force.scope, table=table, table_sha256=now.sha256)

    def _ran_out(self) -> bool:
        force = self._kept.force
        if force is None or force.countdown is None:
            return False
        return force.countdown.left(boot_clock.seconds()) <= 0
