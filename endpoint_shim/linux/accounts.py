"""Names of users and groups, each id asked once and never waited for long.

A name service may ask a domain and hang (SSSD): the number is shown instead, and after a few
late answers nobody is asked again by this worker.
"""

import asyncio
import grp
import pwd
import threading
from collections.abc import Callable

LATE_S = 1.0
MOST_LATE = 3


class Accounts:
    """One cache of names, for as long as the worker lives."""

    def __init__(
        self,
        user: Callable[[int], str] = lambda uid: pwd.getpwuid(uid).pw_name,
        group: Callable[[int], str] = lambda gid: grp.getgrgid(gid).gr_name,
    ) -> None:
        self._lookups = {"user": user, "group": group}
        self._names: dict[tuple[str, int], str] = {}
        self._late = 0

    async def user(self, uid: int) -> str:
        """The user's name, or the number."""
        return await self._name("user", uid)

    async def group(self, gid: int) -> str:
        """The group's name, or the number."""
        return await self._name("group", gid)

    async def _name(self, kind: str, number: int) -> str:
        key = (kind, number)
        if key not in self._names:
            self._names[key] = str(number)
            if self._late < MOST_LATE:
                await self._ask(key)
        return self._names[key]

    async def _ask(self, key: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()

        def came(name: str) -> None:
            self._names[key] = name
            if not answered.done():
                answered.set_result(None)

        def look_up() -> None:
            name = self._looked_up(*key)
            try:
                loop.call_soon_threadsafe(came, name)
            except RuntimeError:
                return  # the loop has ended meanwhile; nobody wants the name any more

        # A thread of its own: one that hangs must neither hold the executor nor the exit.
        threading.Thread(target=look_up, daemon=True).start()
        try:
            async with asyncio.timeout(LATE_S):
                await answered
        except TimeoutError:
            self._late += 1

    def _looked_up(self, kind: str, number: int) -> str:
        try:
            name = self._lookups[kind](number)
        except (KeyError, OSError, OverflowError):
            return str(number)
        # A name service may answer bytes that are no UTF-8.
        return name.encode("utf-8", "replace").decode()
