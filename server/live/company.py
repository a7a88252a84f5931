"""The others at one session: who watches it, who asks to take it over, who is let in.

1. Who may watch or ask is who may open a session on the device himself; to all others it is not
   there. What no longer holds while he watches ends his watching.
2. A look is in the watched session's journal before anything of it is shown, and its person told.
3. Only the session's own person lets somebody in; from then on the session is that person's, under
   his own rights: what runs in it must be allowed to him as well.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.language.errors import Failed, Refused, TimedOut
from commands.language.visible import visible
from server.audit.records import TakeOverAnswered, TakeOverAsked, WatchBegan, WatchEnded
from server.identity.access import may_see, rule_on
from server.live import second_person
from server.live.device_job import DeviceJob
from server.live.responder import Responder
from server.live.slots import no_responder, slots

if TYPE_CHECKING:
    from server.live.session import Session
    from server.live.sessions import Sessions


@dataclass
class Asking:
    """Somebody waits for an answer."""

    responder: Responder
    answer: "asyncio.Future[bool]"


class Company:
    """Of one session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._watching: list[str] = []
        self._asking: dict[str, Asking] = {}

    @property
    def watching(self) -> bool:
        return bool(self._watching)

    @contextlib.asynccontextmanager
    async def watched(self, responder: Responder) -> AsyncIterator[None]:
        """While somebody looks at it."""
        session, person = self._session, responder.person
        began = asyncio.get_running_loop().time()
        await session.journal.append(WatchBegan(by=person, source=responder.source))
        self._watching.append(person)
        if session.on_notice is not None and person != session.person:
            session.notify(f"{person} watches")
        try:
            yield
        finally:
            self._watching.remove(person)
            took = asyncio.get_running_loop().time() - began
            if not session.sealing:
                session.sessions.soon(self._looked(person, took))
            if person != session.person:
                session.notify(f"{person} watched for {took:.0f} s")

    async def _looked(self, person: str, took: float) -> None:
        record = WatchEnded(by=person, took_ms=int(took * 1000))
        await self._session.journal.append(record)

    async def ask(self, responder: Responder, within_s: float) -> None:
        """Returns when its person lets him in, and the session is his; else says why not."""
        session, person = self._session, responder.person
        holder = session.person
        if person == holder:
            raise Refused(f"{session.id} is yours: attach {session.id}")
        if person in self._asking:
            raise Refused(f"you asked for {session.id} already")
        await session.journal.append(TakeOverAsked(by=person, source=responder.source))
        asking = Asking(responder, asyncio.get_running_loop().create_future())
        self._asking[person] = asking
        session.notify(f"{person} asks to take over {session.id}: letin {person}, or -no")
        ending: asyncio.Task[bool] = asyncio.create_task(session.ended.wait())
        try:
            waits: set[asyncio.Future[bool]] = {asking.answer, ending}
            await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            del self._asking[person]
        if session.ending:
            raise Failed(f"{session.id} has ended: {session.ended_why}")
        if not asking.answer.done():
            raise TimedOut(f"{holder} did not answer within {within_s:.0f} s; {session.id} is his")
        if not asking.answer.result():
            raise Refused(f"{holder} does not let you into {session.id}")

    async def answered(self, person: str, let_in: bool) -> None:
        """The holder's answer to who asks."""
        asking = self._asking.get(person)
        session = self._session
        if asking is None or asking.answer.done():
            others = f"; {', '.join(self._asking)} does" if self._asking else ""
            raise Failed(f"{visible(person)[:32]} does not ask to take over {session.id}{others}")
        if let_in:
            self._check_may(asking.responder)
        await session.journal.append(
            TakeOverAnswered(by=session.person, person=person, let_in=let_in)
        )
        if let_in:
            device, rules = session.device, session.sessions.broker.access.rules
            rule = rule_on(rules, person, device.ref) if device is not None else None
            session.role, session.rule = (str(rule.role), rule.name) if rule else ("", "")
            await session.hand_over(asking.responder)
        if not asking.answer.done():
            asking.answer.set_result(let_in)

    def _check_may(self, responder: Responder) -> None:
        """What runs in it goes on under the other's rights."""
        session, holder = self._session, self._session.person
        may_open(session.sessions, responder.person, session)
        most = session.sessions.limits.sessions_per_person
        if slots(session.sessions, responder.person)[1] >= most:
            raise Refused(f"{responder.person} has {most} sessions open; one must end first")
        try:
            session.person = responder.person
            for job in session.running:
                if isinstance(job, DeviceJob):
                    error = session.sessions.decide(session, job.spec, session.device).error
                    waits = second_person.waits(session, job.command)
                    if error is not None or waits:
                        alone = " by himself" if waits else ""
                        raise Refused(
                            f"{responder.person} may not {job.spec.word} on {job.device}{alone}; "
                            f"cancel {job.number} first"
                        )
        finally:
            session.person = holder


def found(sessions: "Sessions", responder: Responder, session_id: str) -> "Session":
    """The open session that the person may look at; one answer for none and for not his to see."""
    session = sessions.live.get(session_id.upper())
    if session is None or session.device is None or session.ending:
        raise not_there(session_id)
    if not may_see(sessions.broker.access.rules, responder.person, session.device.ref):
        raise not_there(session_id)
    may_open(sessions, responder.person, session)
    return session


def not_there(session_id: str) -> Failed:
    """The same for a session that is none and for one that may not be seen."""
    return Failed(f"no session {visible(session_id)[:32]} is open that you may see; devices lists")


def may_open(sessions: "Sessions", person: str, session: "Session") -> None:
    """Refused where the person could not have opened it himself."""
    device = session.device
    assert device is not None
    if (role := no_responder(sessions, person, device)) != "":
        raise Refused(
            f"{session.id} on {device.name} needs basic or advanced, {person} is {role} there"
        )
