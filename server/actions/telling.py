"""What people at their consoles are told of actions that they do not look at just then.

1. Who asked hears how it ended: it waited for its device, or for a second person.
2. Who may answer it hears that it waits: at once, and on the first screen.
3. Nobody hears what he did himself. A session that was left open keeps what is told; else nothing
   is kept for one who is not there: `actions` has it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commands.approve import Approve
from commands.language.visible import visible
from server.actions.action import Action
from server.actions.ledger import Ledger
from server.identity.access import Ask, decide

if TYPE_CHECKING:
    from server.live.rooms import Rooms

MOST_SHOWN = 3
"""Of what waits for an answer, on the first screen."""
WORDS = {"TimeOut": "timed out"}


class Telling:
    """Of all actions; `saved` is called after each durable change."""

    def __init__(self, broker: "Rooms", ledger: Ledger) -> None:
        self._broker, self._ledger = broker, ledger
        self._followed: Counter[int] = Counter()
        """Those whose requester sees them end, and how often."""
        ledger.on_saved = self.saved

    @contextmanager
    def followed(self, action: Action, person: str) -> Iterator[None]:
        """Around the time in which the person is shown what becomes of it."""
        own = [action.id] if person == action.person else []
        self._followed.update(own)
        try:
            yield
        finally:
            self._followed.subtract(own)
            self._followed += Counter()  # without those that nobody follows

    def approved(self, action: Action, again: str) -> None:
        """By somebody else; `again`: what its requester has to do now."""
        line = f"{action.label} approved by {action.by}{again}"
        about = f"{visible(action.text)} on {action.name}"
        self._tell(lambda person: person == action.person, f"{line} ({about})")

    def saved(self, action: Action) -> None:
        if action.open and action.approval == "needed":
            self._tell(lambda person: self._may_answer(person, action), _asks(action))
        elif not action.open and not self._followed[action.id] and action.by != action.person:
            self._tell(lambda person: person == action.person, _told(action))

    def waiting_for(self, person: str) -> list[str]:
        """A line for each that this person may answer, the oldest first; the rest as a number."""
        found = [
            action
            for action in self._ledger.opened()
            if action.approval == "needed" and self._may_answer(person, action)
        ]
        lines = [_asks(action) for action in found[:MOST_SHOWN]]
        left = len(found) - MOST_SHOWN
        if left > 0:
            lines.append(f"and {left:,} more: actions -state pending")
        return lines

    def _may_answer(self, person: str, action: Action) -> bool:
        device = self._broker.inventory.by_id(action.device)
        if device is None or person == action.person:
            return False
        ask = Ask(person, "approve", Approve.spec.role, "approve", device.ref, "console", True)
        return decide(self._broker.access.rules, ask).allowed

    def _tell(self, whom: Callable[[str], bool], line: str) -> None:
        for session in list(self._broker.sessions.live.values()):
            at_desk = session.device is None and session.responder.door == "console"
            looks = session.on_notice is not None if at_desk else session.detached
            if looks and whom(session.person):
                session.notify(line)


def _asks(action: Action) -> str:
    return (
        f"{action.label} waits for a second person: {visible(action.text)} on {action.name}, asked "
        f"by {action.person}; actions show {action.label}, approve {action.label} or deny "
        f"{action.label}"
    )


def _told(action: Action) -> str:
    state = WORDS.get(action.state, action.state.lower())
    said = action.error or action.outcome
    said = f": {said}" if said else ""
    return f"{action.label} {state}: {visible(action.text)} on {action.name}{said}"
