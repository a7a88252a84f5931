"""Who stands at a door: a person whose authentication has completed."""

from dataclasses import dataclass
from typing import Literal

Door = Literal["console", "exec", "lines", "shell", "sftp", "scp", "admin", "queue"]


@dataclass
class Responder:
    """One connection of a person; `comment` is what the client gave with it."""

    person: str
    key: str
    source: str
    client: str
    door: Door
    comment: str | None = None
    columns: int = 80
    rows: int = 24
    terminal: bool = False
    color: bool = False
    of: str = ""
    """The `on` over several devices that a session is a part of; that has a cap of its own."""
