"""What a command may ask of the broker: a bundle of small protocols, one file each."""

from typing import Protocol

from commands.language.desk.actions import Actions
from commands.language.desk.devices import Devices
from commands.language.desk.jobs import Jobs
from commands.language.desk.library import Library
from commands.language.desk.person import Person
from commands.language.desk.records import Records
from commands.language.desk.rules import Rules
from commands.language.desk.tags import Tags


class Desk(Protocol):
    """The broker, as one person sees it, from one door, in one session or none."""

    @property
    def person(self) -> str: ...

    @property
    def device(self) -> str | None:
        """The device of the session that the person stands in."""
        ...

    @property
    def folder(self) -> str:
        """The responder's folder on that device, as visible text."""
        ...

    @property
    def one_command(self) -> bool:
        """Whether the session ends with this command (exec): what it leaves there is wiped."""
        ...

    @property
    def asks(self) -> bool:
        """Whether somebody at a terminal can answer a question."""
        ...

    @property
    def comment(self) -> str:
        """The line's own comment, else the session's; empty where there is none."""
        ...

    @property
    def digest(self) -> str | None:
        """The line's `-digest`: what a person says that it is about."""
        ...

    @property
    def actions(self) -> Actions: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def library(self) -> Library: ...
    @property
    def own(self) -> Person: ...
    @property
    def records(self) -> Records: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def tags(self) -> Tags: ...
