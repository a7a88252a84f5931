"""Tags of devices: kept here alone, whatever their case found, shown as they were written.

1. A device may propose tags; they are shown, and nothing selects by them.
2. Who writes tags needs the right `tags: write` there, and never changes his own rights by it.
3. The record is durable before the tag counts; from then on rules that select by it do, for what
   is open too.
"""

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from commands.language.errors import NotUnderstood, Refused
from commands.language.visible import visible
from server.audit.device_records import TagsChanged
from server.identity.rules import DEVICE
from server.identity.tagging import own_change
from server.store import devices

if TYPE_CHECKING:
    from server.live.inventory import Device
    from server.live.rooms import Rooms
    from server.live.session import Session

TAG = re.compile(DEVICE.pattern)
"""As rules and selectors can name it."""


def checked(tag: str) -> str:
    """The tag, or NotUnderstood where no rule and no selector could name it."""
    if not TAG.fullmatch(tag):
        raise NotUnderstood(
            f"{visible(tag)[:60]} is no tag: letters, digits and . _ -, at most 63, the first a "
            "letter or digit"
        )
    return tag


def found(tags: tuple[str, ...], tag: str) -> str | None:
    """The tag as it is written there, whatever the case."""
    return next((one for one in tags if one.casefold() == tag.casefold()), None)


class TagRoom:
    """Changes the tags of devices, one after the other."""

    def __init__(self, broker: "Rooms") -> None:
        self._broker = broker
        self._turn = asyncio.Lock()
        self.changed: Callable[[], None] = lambda: None
        """Called when a tag counts: what is open is judged anew."""

    async def add(self, session: "Session", device: "Device", tag: str) -> bool:
        """Whether it is new there."""
        checked(tag)
        async with self._turn:
            self._may(session, device)
            if found(device.tags, tag) is not None:
                return False
            most = self._broker.config.limits.tags_per_device
            if len(device.tags) >= most:
                raise Refused(f"tag add on {device.name}: it has {most} tags already; remove one")
            await self._set(session, device, (*device.tags, tag), added=[tag])
        return True

    async def remove(self, session: "Session", device: "Device", tag: str) -> str | None:
        """The tag as it was written there; None where it was not."""
        async with self._turn:
            self._may(session, device)
            written = found(device.tags, tag)
            if written is not None:
                left = tuple(one for one in device.tags if one != written)
                await self._set(session, device, left, removed=[written])
        return written

    def _may(self, session: "Session", device: "Device") -> None:
        error = session.sessions.decide_right(session, "tag", "tags: write", device).error
        if error is not None:
            raise error
        if device.revoked:
            raise Refused(f"{device.name} is revoked; its tags count for nothing")

    async def _set(
        self,
        session: "Session",
        device: "Device",
        tags: tuple[str, ...],
        *,
        added: list[str] | None = None,
        removed: list[str] | None = None,
    ) -> None:
        broker, person = self._broker, session.person
        rules = broker.access.rules
        after = device.ref_with(tags)
        if (rule := own_change(rules, person, device.ref, after)) is not None:
            raise Refused(
                f"tag on {device.name} would change what you yourself may do there (rule "
                f"{rule.name}, {rules.file} line {rule.line}); another person with tags: write can"
            )
        await broker.journal.broker.append(
            TagsChanged(
                by=person,
                session=session.id,
                device=device.id,
                name=device.name,
                added=added or [],
                removed=removed or [],
            )
        )
        await devices.set_tags(broker.store, device.id, tags)
        device.tags = tags
        self.changed()
