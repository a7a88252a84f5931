"""The rules and the help, as they stand for one person on one device."""

from typing import TYPE_CHECKING

from commands.language.command import Command, all_words, discover, find
from commands.language.desk.library import LibraryRow
from commands.language.errors import Failed, NotUnderstood
from commands.language.help import help_keys, help_overview, help_script, help_word
from commands.language.line import nearest
from commands.language.visible import visible
from commands.library import Library
from server.identity.access import Ask, explain
from server.live.device_words import at_device, doubts, not_here, not_here_words

if TYPE_CHECKING:
    from server.live.rooms import Rooms
    from server.live.session import Session


class DeskRules:
    """Implements `commands.language.desk.rules.Rules`."""

    def __init__(self, broker: "Rooms", session: "Session") -> None:
        self._broker, self._session = broker, session

    async def explain(self, command: str, device: str | None) -> list[str]:
        kind = _found(command)
        session = self._session
        ref = None
        if device is not None:
            ref = session.sessions.visible_device(session.person, device).ref
        ask = Ask(
            person=session.person,
            word=kind.spec.word,
            role_needed=kind.spec.role,
            right_needed=None,
            device=ref,
            door=session.responder.door,
            has_comment=bool(session.comment),
            under=kind.spec.under,
        )
        lines = explain(self._broker.access.rules, ask)
        if device is not None and at_device(kind.spec):
            there = session.sessions.visible_device(session.person, device)
            if reason := not_here(there, kind.spec):
                lines.append(f"refused all the same: {reason}")
            if doubt := doubts(there):
                lines.append(f"{there.name} {doubt}")
        return lines

    async def help(self, word: str | None) -> list[str]:
        session = self._session
        reasons, columns = not_here_words(session), session.responder.columns
        if word is None:
            return help_overview(discover(), reasons, columns)
        if word.lower() == "keys":
            return help_keys(columns)
        if find(word) is None and (script := await self._script(word)):
            return help_script(script, columns)
        kind = _found(word)
        most = kind.spec.most
        limits = self._broker.config.limits
        most_bytes = None if most is None else getattr(limits, most)
        reason, seconds = reasons.get(kind.spec.word, ""), limits.seconds_of(kind.spec)
        return help_word(kind.spec, columns, reason, most_bytes, seconds)

    async def _script(self, name: str) -> LibraryRow | None:
        """The library's file of that name, for whoever may list the library."""
        session = self._session
        if session.sessions.decide(session, Library.spec, None).error is not None:
            return None
        try:
            return await self._broker.library.version(name)
        except Failed:
            return None


def _found(word: str) -> type[Command]:
    kind = find(word)
    if kind is None:
        near = nearest(word.lower(), all_words())
        hint = f"; nearest: {near}" if near else "; help alone lists all"
        raise NotUnderstood(f"{visible(word)} is no command{hint}")
    return kind
