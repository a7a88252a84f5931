"""Completion on Tab, from the declarations and what the broker knows; no device is asked."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from commands.language.visible import visible
from server.identity.access import may_see
from server.live.device_words import not_here_words
from server.live.session import Session

if TYPE_CHECKING:
    from server.live.rooms import Rooms

LONGEST = 2048


class Known:
    """What can stand in a place, as (text, meaning)."""

    def __init__(self, broker: "Rooms", session: Session) -> None:
        self._broker, self._session = broker, session

    def devices(self) -> Iterable[tuple[str, str]]:
        rules, person = self._broker.access.rules, self._session.person
        for device in self._broker.inventory.all():
            if may_see(rules, person, device.ref):
                yield device.name, "online" if device.online else "offline"

    def jobs(self) -> Iterable[tuple[str, str]]:
        for number, job in sorted(self._session.jobs.items(), reverse=True):
            yield str(number), f"{job.spec.word}, {job.state}"

    def sessions(self) -> Iterable[tuple[str, str]]:
        for session in self._broker.sessions.waiting(self._session.person):
            yield session.id, session.device.name if session.device is not None else "-"

    def library(self) -> Iterable[tuple[str, str]]:
        return self._broker.library.known.items()


class CommandCompleter(Completer):
    """prompt_toolkit's side of it."""

    def __init__(self, broker: "Rooms", here: Callable[[], Session]) -> None:
        self._broker, self._here = broker, here

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        text = document.text
        if len(text) > LONGEST or "\n" in text:
            return
        from commands.language.completion import complete

        cursor, here = document.cursor_position, self._here()
        for found in complete(text, cursor, Known(self._broker, here), not_here_words(here)):
            yield Completion(
                found.text,
                start_position=found.start - cursor,
                display=visible(found.display),
                display_meta=visible(found.meaning),
            )
