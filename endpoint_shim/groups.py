"""What a command or worker started, as one group that can be listed and ended whole.

1. `inside` must hold nothing but the start of one child: the whole process stands in the group
   meanwhile, so there is no await in it.
2. Whoever starts a child gives it a session of its own (`start_new_session=True`) and then calls
   `add(pid)`: where cgroups are not writable, that is all that is known of it.
3. A kill is asked, not waited for: `members` says what is still there.
"""

from contextlib import AbstractContextManager
from typing import Protocol


class Group(Protocol):
    """The processes of one command, or of one worker with all its commands."""

    @property
    def place(self) -> str:
        """Where a worker finds its own group again; empty where a group has no place."""
        ...

    def inside(self) -> AbstractContextManager[None]:
        """Children started in this block belong to the group from their first instruction."""
        ...

    def add(self, pid: int) -> None:
        """Counts a process in; one that has ended already is no error."""
        ...

    def members(self) -> list[int]:
        """The processes that run in it now, with those of the groups under it."""
        ...

    def signal(self, number: int) -> None:
        """Sends a signal to every member."""
        ...

    def kill(self) -> None:
        """Ends every member by force."""
        ...

    def leave(self) -> None:
        """Moves every member to where neither the command's nor the session's end reaches it."""
        ...

    def under(self, name: str) -> "Group":
        """A group inside this one."""
        ...

    def remove(self) -> bool:
        """Gives up the empty group; False while something is still in it."""
        ...


class Groups(Protocol):
    """Where this shim's own groups are."""

    @property
    def weaker_stop(self) -> str:
        """Why commands are ended less surely here; empty where they are ended surely."""
        ...

    def worker(self, number: int) -> Group:
        """The group of worker `number`; made when it is first needed."""
        ...

    def close(self) -> None:
        """Gives up the place of the groups, if nothing is in any of them."""
        ...

    def end_leftovers(self) -> None:
        """Ends what an earlier run of this same shim left in its groups; never what was let go."""
        ...
