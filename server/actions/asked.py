"""What somebody asks of a device, on its way into the Action Center."""

from dataclasses import dataclass

from commands.language.command import Command
from server.live.inventory import Device


@dataclass(frozen=True)
class Asked:
    """What is asked: a prepared command of a device, by whom and why."""

    device: Device
    command: Command
    text: str
    person: str
    comment: str
    door: str
    where: str
    """Session and number of the line, `S12#3`."""
    second: bool
    """A rule wants a second person for it."""
    opens: bool = False
    """It was judged as a release too, for it would end or open an isolation that holds."""
    folder: str = ""
    """From where its relative paths are seen, where it is no action by itself."""
    second_to_open: bool = False
    """A rule wants a second person for that: it waits for one where it comes to open one."""
