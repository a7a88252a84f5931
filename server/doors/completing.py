"""Completion on Tab, from the declarations, what the broker knows, and what the device lists.

A device is asked only by `remote_words`, and not waited for longer than a menu may take. A menu
that comes after the next key is none.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from commands.language.completion import complete
from commands.language.visible import visible
from server.identity.access import may_see
from server.live.device_words import not_here_words
from server.live.remote_words import Kind, RemoteWords, folder_of
from server.live.session import Session

if TYPE_CHECKING:
    from server.live.rooms import Rooms

LONGEST = 2048


class Known:
    """What can stand in a place, as (text, meaning). `wished` is what the device would know."""

    def __init__(self, broker: "Rooms", session: Session, remote: RemoteWords) -> None:
        self._broker, self._session, self._remote = broker, session, remote
        self.wished: tuple[Kind, str] | None = None

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

    def pids(self) -> Iterable[tuple[str, str]]:
        return self._on_device("pids", "")

    def paths(self, typed: str) -> Iterable[tuple[str, str]]:
        device = self._session.device
        windows = device is not None and device.platform == "windows"
        return self._on_device("paths", folder_of(typed, windows))

    def _on_device(self, kind: Kind, folder: str) -> Iterable[tuple[str, str]]:
        if self._session.device is None:
            return ()
        words = self._remote.known(self._session, kind, folder)
        if words is None:
            self.wished = kind, folder
        return words or ()


class CommandCompleter(Completer):
    """prompt_toolkit's side of it."""

    def __init__(self, broker: "Rooms", here: Callable[[], Session], remote: RemoteWords) -> None:
        self._broker, self._here, self._remote = broker, here, remote
        self._answered: CompleteEvent | None = None

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        return self._found(document, Known(self._broker, self._here(), self._remote))

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        if complete_event is self._answered:
            return  # asked again by itself, for a key came meanwhile
        here = self._here()
        known = Known(self._broker, here, self._remote)
        found = self._found(document, known)
        if known.wished is not None:
            await self._remote.ask(here, *known.wished)
            found = self._found(document, Known(self._broker, here, self._remote))
        self._answered = complete_event
        for completion in found:
            yield completion

    def _found(self, document: Document, known: Known) -> list[Completion]:
        text, cursor = document.text, document.cursor_position
        if len(text) > LONGEST or "\n" in text:
            return []
        return [
            Completion(
                found.text,
                start_position=found.start - cursor,
                display=visible(found.display),
                display_meta=visible(found.meaning),
            )
            for found in complete(text, cursor, known, not_here_words(self._here()))
        ]
