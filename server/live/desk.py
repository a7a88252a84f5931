"""The desk: what a command may ask of the broker, for one session of one person."""

from typing import TYPE_CHECKING

from commands.language.line import Options
from commands.language.names import shown
from server.live.desk_actions import DeskActions
from server.live.desk_devices import DeskDevices
from server.live.desk_jobs import DeskJobs
from server.live.desk_library import DeskLibrary
from server.live.desk_person import DeskPerson
from server.live.desk_records import DeskRecords
from server.live.desk_rules import DeskRules
from server.live.desk_tags import DeskTags

if TYPE_CHECKING:
    from server.live.rooms import Rooms
    from server.live.session import Session


class BrokerDesk:
    """Implements `commands.language.desk.Desk`."""

    def __init__(self, broker: "Rooms", session: "Session", options: Options, number: int) -> None:
        self._session, self._options = session, options
        self.person = session.person
        self.actions = DeskActions(
            broker, session, self.comment, f"{session.id}#{number}", follow=options.follow
        )
        self.devices = DeskDevices(broker, session)
        self.jobs = DeskJobs(session)
        self.library = DeskLibrary(broker, session)
        self.own = DeskPerson(broker, session)
        self.records = DeskRecords(broker, session)
        self.rules = DeskRules(broker, session)
        self.tags = DeskTags(broker, session)

    @property
    def device(self) -> str | None:
        return self._session.device.name if self._session.device is not None else None

    @property
    def comment(self) -> str:
        return self._options.comment or self._session.comment

    @property
    def digest(self) -> str | None:
        return self._options.digest

    @property
    def asks(self) -> bool:
        return self._session.responder.door == "console"

    @property
    def one_command(self) -> bool:
        return self._session.responder.door == "exec"

    @property
    def folder(self) -> str:
        return shown(self._session.folder)
