"""What Microsoft Defender's command line and log say, and what it comes to; pure.

1. MpCmdRun's status 2 means a threat that is left, or an engine that could not scan: which of them
   is told by its words and its log, and a 2 that names neither is a failure, never a verdict.
2. A threat that is named counts, whatever the status: 0 is also that of one that was removed.
3. Nought is clean only with a proof that a scan ended: its words, or its event, which has no
   language. A log that cannot be read, which is whoever controls the device's to spoil, is told.
4. An age of signatures that is no age (never updated: 4,294,967,295 days) is none.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from endpoint_shim.windows.events import Event

LOG = "Microsoft-Windows-Windows Defender/Operational"
DETECTED, ACTED, ACTION_FAILED, ACTION_GAVE_UP = 1116, 1117, 1118, 1119
COMPLETED, STOPPED, SCAN_FAILED = 1001, 1002, 1005
NUMBERS = (DETECTED, ACTED, ACTION_FAILED, ACTION_GAVE_UP, COMPLETED, STOPPED, SCAN_FAILED)
# "Source ID": what looked. These look by themselves all the time.
BY_THEMSELVES = frozenset({"3", "4", "5", "7", "8"})
BEGAN, DAY_US = datetime(1601, 1, 1, tzinfo=UTC), 86_400_000_000
"""What a FILETIME counts from."""
NEVER = 0xFFFF
"""Days; Defender writes the largest number of its field where it has no signatures."""
LEFT, WELL = 2, 0
_HR = re.compile(
    r"\b(?:(?:hr|hresult)\s*[=:]\s*(?:0x)?|error\s+code\s*[=:]?\s*0x)([0-9a-f]{8})\b", re.I
)
_ENDED = re.compile(r"\bfound\s+no\s+threats|\bscan finished", re.IGNORECASE)
_THREAT = re.compile(r"^\s*Threat\s*:\s*(.+?)\s*$", re.MULTILINE)
_RESOURCE = re.compile(r"^\s*(?:file|containerfile|regkey|process|webfile)\s*:\s*(.+?)\s*$", re.I)
_COUNT = re.compile(r"found\s+([1-9][\d.,\s]*?)\s+threats?", re.IGNORECASE)
# "Action ID": its name is in the device's own language.
_ACTIONS = {
    "1": "cleaned", "2": "quarantined", "3": "removed", "6": "allowed", "9": "found",
    "10": "blocked",
}  # fmt: skip
_KNOWN = {
    "0x800106ba": "Defender's service does not run: it is switched off, or another engine is used",
    "0x80070422": "Defender's service is disabled",
    "0x80070057": "it does not know one of its options",
    "0x80070667": "it does not know one of its options",
    "0x80508023": "the threat is not there any more",
    "0x80004005": "its engine failed (0x80004005)",
    "0x80070005": "access was denied; the shim has to run as SYSTEM or as an administrator",
    "0x80508007": "it has no memory left",
    "0x8050800c": "its engine failed on the input (0x8050800c)",
}
NOT_AN_OPTION = frozenset({"0x80070057", "0x80070667"})


@dataclass
class Detection:
    """One threat that was found, with what was done about it."""

    threat: str
    severity: str = ""
    resources: tuple[str, ...] = ()
    action: str = "found"
    at_ms: int = 0
    key: str = ""
    """Defender's own id of it; the same in its later events."""


@dataclass(frozen=True)
class Verdict:
    """How a scan ended; `error` is empty where it ended well."""

    detections: tuple[Detection, ...] = ()
    error: str = ""


def verdict(status: int, said: str, log: Iterable[Event]) -> Verdict:
    """Of a scan that ended with `status`, said `said`, and left these events, as far as known."""
    events = list(log)
    found = merged(events) or printed(said)
    return Verdict(tuple(found), _error(status, said, events, bool(found)))


def merged(log: Iterable[Event]) -> list[Detection]:
    """The detections of a scan, each with the last thing that was done about it."""
    found: dict[str, Detection] = {}
    for event in log:
        threat = event.value("Threat Name")
        if not threat or event.value("Source ID") in BY_THEMSELVES:
            continue
        key = event.value("Detection ID") or f"{threat}\0{event.value('Path')}"
        one = found.setdefault(key, Detection(threat, at_ms=event.at_ms, key=key))
        one.severity = event.value("Severity Name") or one.severity
        one.resources = tuple(dict.fromkeys([*one.resources, *paths(event.value("Path"))]))
        if event.number != DETECTED:
            one.action = _action(event)
    return list(found.values())


def printed(said: str) -> list[Detection]:
    """Those that the program itself lists (it does where it was told to change nothing)."""
    names = _THREAT.split(said)[1:]
    pairs = zip(names[::2], names[1::2], strict=True)
    found = [Detection(name, resources=tuple(_resources(rest))) for name, rest in pairs]
    count = _COUNT.search(said)
    if not found and count:
        found = [Detection(f"{count[1]} not named")]
    return found


def paths(text: str) -> Iterator[str]:
    """`file:_C:\\a; containerfile:_C:\\b.zip` as the paths that it is of."""
    for part in text.split("; "):
        kind, mark, path = part.partition(":_")
        if part:
            yield path if mark and kind.isalpha() else part


def hr(said: str) -> str:
    """The last HRESULT of a failure that it names, in lower case; empty for none."""
    own = "\n".join(line for line in said.splitlines() if not _RESOURCE.match(line))
    failed = [one for one in _HR.findall(own) if int(one, 16) >> 31]
    return f"0x{failed[-1].lower()}" if failed else ""


def signatures(version: str, applied: int, now: datetime) -> str:
    """How old they are; `applied` is a FILETIME, 0 where there is none."""
    if not version or version.startswith("0.0") or not applied:
        return "Defender's signatures are absent, or were never updated"
    days = ((now - BEGAN) // timedelta(microseconds=1) - applied // 10) // DAY_US
    if not 0 <= days < NEVER:
        return f"how old Defender's signatures ({version}) are is not known"
    age = "of today" if days == 0 else f"{days:,} day{'s' * (days != 1)} old"
    return f"Defender's signatures {version} are {age}"


def _error(status: int, said: str, events: list[Event], found: bool) -> str:
    if number := hr(said):
        began = "Defender's scan ended with an error" if found else "Defender did not scan"
        return f"{began}: {_KNOWN.get(number, f'error {number}')}"
    failed = next((one for one in events if one.number == SCAN_FAILED), None)
    if failed is not None:
        why = failed.value("Error Description") or failed.value("Error Code")
        return f"Defender's scan failed: {why.strip().rstrip('.') or 'it does not say why'}"
    if any(one.number == STOPPED for one in events):
        return "Defender's scan was stopped before its end"
    if found and status in (WELL, LEFT):
        return ""
    if status == WELL:
        ended = _ENDED.search(said) or any(one.number == COMPLETED for one in events)
        return "" if ended else "MpCmdRun ended with 0, but neither it nor the log tells of a scan"
    if status == LEFT:
        return "MpCmdRun ended with 2 and named no threat: it may be one, or a scan that failed"
    return f"MpCmdRun ended with {status & 0xFFFFFFFF:#x}"


def _action(event: Event) -> str:
    action = _ACTIONS.get(event.value("Action ID")) or event.value("Action Name").lower()
    if event.number == ACTED and event.value("Error Code") in ("", "0x00000000", "0x0"):
        return action
    why = event.value("Error Description") or event.value("Error Code")
    return f"{action} failed: {why.strip().rstrip('.')}" if why else f"{action} failed"


def _resources(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if found := _RESOURCE.match(line):
            yield found[1]
