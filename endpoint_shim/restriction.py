"""Restriction on the device: converges to what is wanted, and starts its enforcer again.

1. Only a higher generation changes anything; one that failed is answered for good.
2. It is durable before it is in force, so that it is in force again after a start.
3. An enforcer that died holds nothing back: it is started again at the next turn, the broker hears
   of it, and of what started meanwhile.
4. Where whoever is signed in was told of the restriction, he is told of what it stopped too: the
   first at once, what follows once a minute, with its number.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import cached_property

from msgspec.structs import replace

from commands.language.errors import FirelineError
from commands.language.wire_contain import Restrict, Restricted
from endpoint_shim import edges
from endpoint_shim.guard_state import Record
from endpoint_shim.restrictor import Known, Proof, Restrictor

LONGEST_ERROR = 2000
TELL_AGAIN_S = 60.0

log = logging.getLogger("fireline.guard")


class Restriction:
    """One device's restriction; its methods are called by one task, one after the other."""

    def __init__(
        self,
        record: Record,
        make: Callable[[], Restrictor],
        known: Known,
        check_word: Callable[[str], None],
    ) -> None:
        self._record = record
        self._make = make
        self._known = known
        self._check_word = check_word
        self._notice: asyncio.Task[None] | None = None
        self._tells = False
        self._untold, self._first = 0, ""
        self._told_at = -math.inf

    @cached_property
    def _restrictor(self) -> Restrictor:
        """Most devices are never restricted: it is loaded when it is first asked for."""
        return self._make()

    async def start(self) -> None:
        """What was in force is so again."""
        if self._record.kept.restriction.on:
            await self._again("the restriction was put in force again as the guard started")

    async def turn(self, wanted: Restrict | None) -> None:
        """One look: at what is wanted, at the enforcer, at what it saw."""
        now = self._record.kept.restriction
        if wanted is not None:
            self._tells = bool(wanted.notice)
        if wanted is not None and (
            wanted.generation > now.generation
            or (wanted.generation == now.generation and now.stage == "converging")
        ):
            await self._begin(wanted)
        elif now.on and not await asyncio.to_thread(self._restrictor.alive):
            await self._again("")
        if self._record.kept.restriction.on:
            await self._hear()

    async def close(self) -> None:
        """What nobody watches holds nothing back, but for the moment that another guard needs."""
        if self._record.kept.restriction.on:
            await asyncio.to_thread(self._restrictor.leave)

    async def _begin(self, wanted: Restrict) -> None:
        before = self._record.kept.restriction
        try:
            self._check_word("restrict" if wanted.on else "unrestrict")
        except FirelineError as error:
            self._state(replace(before, generation=wanted.generation, stage="failed",
                                error=str(error)[:LONGEST_ERROR]))  # fmt: skip
            return
        self._record.kept.restriction = replace(
            before, generation=wanted.generation, stage="converging", error=""
        )
        self._record.save()
        try:
            if wanted.on:
                proof = await asyncio.to_thread(self._restrictor.start, self._known)
                for note in proof.notes:
                    self._record.saw("note", note)
                self._state(_restricted(wanted.generation, proof))
                if wanted.notice:
                    self._notify(wanted.notice)
            else:
                await asyncio.to_thread(self._restrictor.stop)
                self._state(Restricted(generation=wanted.generation))
        except (FirelineError, OSError) as error:
            log.error("restriction %d failed: %s", wanted.generation, error)
            on = await asyncio.to_thread(self._restrictor.alive)
            self._state(replace(before, generation=wanted.generation, stage="failed", on=on,
                                error=str(error)[:LONGEST_ERROR]))  # fmt: skip

    async def _again(self, note: str) -> None:
        """The enforcer, started anew."""
        now = self._record.kept.restriction
        if not note and not now.broken:
            self._record.saw("unguarded", "restriction broken: what enforced it had ended")
            self._state(replace(now, broken=True))
        now = self._record.kept.restriction
        try:
            proof = await asyncio.to_thread(self._restrictor.start, self._known)
        except (FirelineError, OSError) as error:
            if not now.broken or now.error != str(error)[:LONGEST_ERROR]:
                self._state(replace(now, broken=True, error=str(error)[:LONGEST_ERROR]))
            return
        if note:
            self._record.saw("note", note)
        again = _restricted(now.generation, proof)
        self._state(replace(again, restarts=now.restarts + (0 if note else 1)))

    async def _hear(self) -> None:
        seen = await asyncio.to_thread(self._restrictor.seen)
        for one in seen:
            self._record.saw(one.kind, one.text)
            if self._tells and one.kind == "blocked":
                self._untold, self._first = self._untold + 1, self._first or one.text
        if seen:
            self._record.say()
        if self._untold and time.monotonic() - self._told_at >= TELL_AGAIN_S:
            more = f", and {self._untold - 1:,} more" if self._untold > 1 else ""
            self._notify(f"Your security team lets only known programs start: {self._first}{more}.")
            self._untold, self._first, self._told_at = 0, "", time.monotonic()

    def _notify(self, text: str) -> None:
        self._notice = asyncio.create_task(asyncio.to_thread(edges.notify, text))

    def _state(self, now: Restricted) -> None:
        self._record.kept.restriction = now
        self._record.say()


def _restricted(generation: int, proof: Proof) -> Restricted:
    return Restricted(
        generation=generation, on=True, by=proof.by[:256], proof_sha256=proof.sha256[:256]
    )
