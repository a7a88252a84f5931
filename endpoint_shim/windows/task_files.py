"""Scheduled tasks from their files (System32\\Tasks), which have no language; pure.

Task Scheduler's own schema; what an element says is taken as it stands.
"""

import xml.etree.ElementTree as ET

from commands.language.names import Name
from endpoint_shim.windows.collected_rows import TaskRow

MOST = 1 << 20


def task_of(path: Name, data: bytes) -> TaskRow:
    """A row; one whose file is damaged says so."""
    row = TaskRow(path=path)
    try:
        root = ET.fromstring(data)  # noqa: S314  # expat itself bounds what entities become
    except (ET.ParseError, ValueError, LookupError) as error:
        row.error = f"its file is no task: {error}"
        return row
    found = {_plain(one.tag): one for one in root}
    about, settings = found.get("RegistrationInfo"), found.get("Settings")
    row.author, row.description = _text(about, "Author"), _text(about, "Description")
    row.enabled = _text(settings, "Enabled").lower() != "false"
    row.hidden = _text(settings, "Hidden").lower() == "true"
    for principal in found.get("Principals", ()):
        row.principal = _text(principal, "UserId") or _text(principal, "GroupId")
        row.logon_type = _text(principal, "LogonType")
        row.run_level = _text(principal, "RunLevel")
    row.actions = "; ".join(map(_action, found.get("Actions", ())))
    row.triggers = "; ".join(map(_trigger, found.get("Triggers", ())))
    return row


def _action(action: ET.Element) -> str:
    kind = _plain(action.tag)
    if kind == "Exec":
        words = (_text(action, name) for name in ("Command", "Arguments"))
        folder = _text(action, "WorkingDirectory")
        return " ".join(filter(None, words)) + (f" (in {folder})" if folder else "")
    parts = (f"{_plain(one.tag)}={(one.text or '').strip()}" for one in action)
    return f"{kind} {' '.join(parts)}"


def _trigger(trigger: ET.Element) -> str:
    """Its kind, and what below it holds text."""
    parts = [
        f"{_plain(one.tag)}={one.text.strip()}"
        for one in trigger.iter()
        if one is not trigger and one.text and one.text.strip()
    ]
    return " ".join([_plain(trigger.tag), *parts])


def _text(element: ET.Element | None, name: str) -> str:
    for one in element if element is not None else ():
        if _plain(one.tag) == name:
            return (one.text or "").strip()
    return ""


def _plain(tag: object) -> str:
    return str(tag).rpartition("}")[2]
