"""Completion on Tab, from the declarations, what the broker knows, and what the device lists.

A device is asked only by `remote_words`, and not waited for longer than a menu may take. A menu
that comes after the next key is none.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from commands.language.completion import Candidates, complete
from commands.language.visible import visible
from server.live.device_words import not_here_words
from server.live.inventory import Device
from server.live.remote_words import Kind, RemoteWords, folder_of
from server.live.session import Session
from server.live.tab_session import TabSession

if TYPE_CHECKING:
    from server.live.rooms import Rooms

LONGEST = 2048


class Wished(NamedTuple):
    """What a device would know, and the session in which it is asked."""

    opened: Callable[[], Awaitable[Session | None]]
    kind: Kind
    folder: str


class Known:
    """What can stand in a place, as (text, meaning)."""

    def __init__(
        self, broker: "Rooms", session: Session, remote: RemoteWords, tab: TabSession
    ) -> None:
        self._broker, self._session = broker, session
        self._remote, self._tab = remote, tab
        self.wished: Wished | None = None

    def devices(self) -> Iterable[tuple[str, str]]:
        for device in self._broker.sessions.seen_by(self._session.person):
            yield device.name, "online" if device.online else "offline"

    def selectors(self) -> Iterable[tuple[str, str]]:
        """Devices first, then what means several."""
        yield from self.devices()
        seen = self._session.sessions.seen_by(self._session.person)
        counts = Counter(tag.casefold() for device in seen for tag in device.tags)
        for tag, count in sorted(counts.items()):
            yield f"tag:{tag}", "1 device" if count == 1 else f"{count:,} devices"
        for word in ("all", "isolated", "platform:linux", "platform:windows"):
            yield word, ""

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
        return self._on_device("paths", folder_of(typed, _is_windows(device)))

    def on(self, device: str) -> "tuple[Candidates, Collection[str]] | None":
        named = self._broker.inventory.named(device)
        if named is None or not named.online:
            return None
        if named not in self._broker.sessions.seen_by(self._session.person):
            return None
        asked = self._tab.on(named)
        return There(self, named), not_here_words(asked or self._session)

    def _on_device(self, kind: Kind, folder: str) -> Iterable[tuple[str, str]]:
        if self._session.device is None:
            return ()
        return self.told(self._session, self._here, kind, folder)

    def told(
        self,
        session: Session | None,
        opened: Callable[[], Awaitable[Session | None]],
        kind: Kind,
        folder: str,
    ) -> Iterable[tuple[str, str]]:
        """What a device said in a session; a wish where it has to be asked."""
        words = self._remote.known(session, kind, folder) if session is not None else None
        if words is None:
            self.wished = Wished(opened, kind, folder)
        return words or ()

    async def _here(self) -> Session:
        return self._session


class There(Known):
    """Inside `on NAME …`: paths and pids of that device; a new session there has no jobs yet."""

    def __init__(self, outside: Known, device: Device) -> None:
        super().__init__(outside._broker, outside._session, outside._remote, outside._tab)
        self._outside, self._device = outside, device

    def jobs(self) -> Iterable[tuple[str, str]]:
        return ()

    def paths(self, typed: str) -> Iterable[tuple[str, str]]:
        return self._on_device("paths", folder_of(typed, _is_windows(self._device)))

    def on(self, device: str) -> None:
        return None

    def _on_device(self, kind: Kind, folder: str) -> Iterable[tuple[str, str]]:
        session = self._tab.on(self._device)
        return self._outside.told(session, self._opened, kind, folder)

    async def _opened(self) -> Session | None:
        return await self._tab.opened(self._device)


def _is_windows(device: Device | None) -> bool:
    return device is not None and device.platform == "windows"


class CommandCompleter(Completer):
    """prompt_toolkit's side of it."""

    def __init__(self, broker: "Rooms", here: Callable[[], Session], tab: TabSession) -> None:
        self._broker, self._here, self._tab = broker, here, tab
        self._remote = RemoteWords(broker.sessions)
        self._answered: CompleteEvent | None = None

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        return self._found(document, self._known())

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        if complete_event is self._answered:
            return  # asked again by itself, for a key came meanwhile
        known = self._known()
        found = self._found(document, known)
        if known.wished is not None:
            await self._remote.ask(*known.wished)
            found = self._found(document, self._known())
        self._answered = complete_event
        for completion in found:
            yield completion

    def _known(self) -> Known:
        return Known(self._broker, self._here(), self._remote, self._tab)

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
