"""Events of Windows' logs as `wevtutil.exe` writes them, and the question for the newer ones; pure.

The text in an event is somebody's (a file's name, say): it is data here, and shown escaped.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
_EVENT = re.compile(r"<Event[ >].*?</Event>", re.DOTALL)
# What XML 1.0 has no way to write, though a file's name may hold it.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Event:
    """One event: which, where in its log, when, and its named data."""

    number: int
    record: int
    at: str
    data: dict[str, str] = field(default_factory=dict)

    def value(self, *names: str) -> str:
        """Of the first of these names that it has: they differ between versions of Windows."""
        return next((self.data[name] for name in names if self.data.get(name)), "")

    @property
    def at_ms(self) -> int:
        try:
            return int(
                datetime.fromisoformat(self.at[:26].rstrip("Z") + "+00:00").timestamp() * 1000
            )
        except ValueError:
            return 0


def words(log: str, numbers: Sequence[int], after: int, most: int) -> list[str]:
    """wevtutil's own: the events of these numbers behind a record, oldest first."""
    which = " or ".join(f"EventID={number}" for number in numbers)
    query = f"*[System[({which}) and (EventRecordID > {after})]]"
    return ["qe", log, f"/q:{query}", "/f:xml", f"/c:{most}", "/uni:true"]


def last_words(log: str) -> list[str]:
    """For the newest event of a log, whatever it is."""
    return ["qe", log, "/rd:true", "/f:xml", "/c:1", "/uni:true"]


def events(text: str) -> Iterator[Event]:
    """Those of the text that can be read; an event cut off is none."""
    for found in _EVENT.findall(_NOT_XML.sub("�", text)):
        try:
            # No document type, so no entities; expat limits the rest.
            root = ET.fromstring(found)  # noqa: S314
        except ET.ParseError:
            continue
        if (event := _event(root)) is not None:
            yield event


def _event(root: ET.Element) -> Event | None:
    system = root.find(f"{NAMESPACE}System")
    if system is None:
        return None
    number = system.findtext(f"{NAMESPACE}EventID") or ""
    record = system.findtext(f"{NAMESPACE}EventRecordID") or "0"
    if not number.isdecimal() or not record.isdecimal():
        return None
    created = system.find(f"{NAMESPACE}TimeCreated")
    named = ((one.get("Name"), one.text) for one in root.iter(f"{NAMESPACE}Data"))
    return Event(
        number=int(number),
        record=int(record),
        at="" if created is None else created.get("SystemTime", ""),
        data={name: value or "" for name, value in named if name},
    )
