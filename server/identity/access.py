"""The rules in force: loaded at start, followed without a restart; a bad file changes nothing.

The file is read whole twice a second: comparing its content finds an edit that keeps size and
times, and a file is taken only when two readings in a row agree, never half-written.
"""

import asyncio
import difflib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self

from server.identity.access_file import AccessFileError, parse_access_file, read_access_file
from server.identity.decision import (
    Ask,
    Decision,
    comment_needed,
    decide,
    may_see,
    role_on,
    rule_on,
    unseen,
)
from server.identity.people import authorized_keys_for, person_for_account, person_for_key
from server.identity.rules import DeviceRef, Person, Rule, Rules
from server.identity.why import explain

log = logging.getLogger(__name__)

__all__ = [
    "Access",
    "AccessFileError",
    "Ask",
    "Decision",
    "DeviceRef",
    "Person",
    "Rule",
    "Rules",
    "authorized_keys_for",
    "comment_needed",
    "decide",
    "explain",
    "may_see",
    "person_for_account",
    "person_for_key",
    "role_on",
    "rule_on",
    "unseen",
]

EVERY = 0.5
SETTLE = 0.1
MOST_READINGS = 20
MOST_LINES = 200
LONGEST_LINE = 200

Loaded = Callable[[str, list[str]], Awaitable[None]]
Told = Callable[[str], Awaitable[None]]


class Access:
    """Holds the rules in force. `loaded` and `refused` journal; they return before the effect."""

    def __init__(
        self, path: Path, words: Mapping[str, str], rules: Rules, loaded: Loaded, refused: Told
    ) -> None:
        self.path = path
        self.rules = rules
        self.changed: list[Callable[[Rules], None]] = []
        """Called after new rules are in force; open connections are judged anew from here."""
        self._words = words
        self._loaded = loaded
        self._refused = refused
        self._seen = rules.sha256
        self._said = ""

    @classmethod
    async def open(
        cls, path: Path, words: Mapping[str, str], loaded: Loaded, refused: Told
    ) -> Self:
        """The first loading, journaled; AccessFileError when there is nothing good to load."""
        data = await asyncio.to_thread(read_access_file, path)
        rules = await asyncio.to_thread(parse_access_file, path.name, data, words)
        await loaded(rules.sha256, changed_lines((), rules.lines))
        return cls(path, words, rules, loaded, refused)

    async def watch(self) -> None:
        """Follows the file until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.reload_if_changed()

    async def reload_if_changed(self) -> bool:
        """Looks once; True when new rules are in force. Each bad content is told once."""
        try:
            data = await self._settled()
            if data is None:
                return False
            rules = await asyncio.to_thread(parse_access_file, self.path.name, data, self._words)
        except AccessFileError as error:
            await self._refuse(str(error))
            return False
        self._said = ""
        if rules.sha256 == self.rules.sha256:  # a bad edit was taken back
            log.info("%s is again what is in force", self.path.name)
            return False
        lines = await asyncio.to_thread(changed_lines, self.rules.lines, rules.lines)
        await self._loaded(rules.sha256, lines)
        self.rules = rules
        log.info("%s is in force as it stands now", self.path.name)
        for tell in self.changed:
            tell(rules)
        return True

    async def _settled(self) -> bytes | None:
        """The file's new content once it stands still; None when it is what was seen last."""
        data = await asyncio.to_thread(read_access_file, self.path)
        for _ in range(MOST_READINGS):
            if (digest := _digest(data)) == self._seen:
                return None
            await asyncio.sleep(SETTLE)
            again = await asyncio.to_thread(read_access_file, self.path)
            if again == data:
                self._seen = digest
                return data
            data = again
        raise AccessFileError(self.path.name, 0, "", "does not stand still while it is read")

    async def _refuse(self, message: str) -> None:
        if message != self._said:
            self._said = message
            await self._refused(f"{message}; the rules before it stay in force")


def changed_lines(old: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    """What changed, as `-12 text` and `+12 text`, bounded; the numbers are each file's own."""
    found: list[str] = []
    matcher = difflib.SequenceMatcher(None, old, new)
    for what, a, b, c, d in matcher.get_opcodes():
        if what != "equal":
            found += [f"-{i + 1} {old[i][:LONGEST_LINE]}" for i in range(a, b)]
            found += [f"+{i + 1} {new[i][:LONGEST_LINE]}" for i in range(c, d)]
    if len(found) > MOST_LINES:
        return [*found[:MOST_LINES], f"and {len(found) - MOST_LINES} more lines"]
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
