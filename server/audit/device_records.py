"""What journals say of tags, and of an `on` over several devices; records.py has the rest."""

from server.audit.records import Body


class TagsChanged(Body, frozen=True):
    """A device got a tag, or lost one; rules that select by it count at once."""

    by: str
    session: str
    device: str
    name: str
    added: list[str]
    removed: list[str]


class DevicesChosen(Body, frozen=True):
    """Devices that an `on` is about to reach: these of so many; durable before the first."""

    number: int
    selector: str
    of: int
    devices: list[str]


class DevicesEnded(Body, frozen=True):
    """What became of them: device, its session (empty where none opened), outcome."""

    number: int
    outcomes: list[tuple[str, str, str]]
