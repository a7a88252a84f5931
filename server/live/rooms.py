"""What doors and sessions may ask of the broker that they are part of; the broker puts it together.

A protocol, so that neither the doors nor the live room import what imports them.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from server.audit.journal import Journal
from server.audit.verify import Verdict
from server.config import Config
from server.evidence.room import EvidenceRoom
from server.identity.access import Access
from server.live.blast_radius import BlastRadius
from server.live.inventory import Device, Inventory
from server.live.library import LibraryRoom
from server.live.preferences import PreferencesRoom
from server.live.tags import TagRoom
from server.store.sqlite import Store

if TYPE_CHECKING:
    from server.actions.center import Center
    from server.live.enrolment import Enrolment
    from server.live.sessions import Sessions


@dataclass
class Ports:
    """Where the doors really listen; a setting of 0 picks one."""

    ssh: int = 0
    devices: int = 0
    enrolment: int = 0


class Rooms(Protocol):
    """One running broker, as its parts see it."""

    config: Config
    instance: str
    ports: Ports
    store: Store
    journal: Journal
    access: Access
    inventory: Inventory
    sessions: "Sessions"
    evidence: EvidenceRoom
    library: LibraryRoom
    preferences: PreferencesRoom
    tags: TagRoom
    radius: BlastRadius
    enrolment: "Enrolment"
    actions: "Center"

    def cut(self, device: Device, reason: str) -> None:
        """Drops the device's connections at once."""
        ...

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something for as long as the broker runs."""
        ...

    async def verify(self, session: str) -> Verdict: ...

    async def history(self, person: str) -> list[str]: ...

    async def remember(self, person: str, line: str) -> None: ...

    def interrupted_of(self, person: str) -> list[str]: ...
