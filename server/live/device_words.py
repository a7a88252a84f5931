"""Which words a device, its policy or the person's role rules out, with the reason."""

from typing import TYPE_CHECKING

from commands.language.command import (
    Command,
    ConsoleCommand,
    DeskCommand,
    DeviceCommand,
    Spec,
    TerminalCommand,
    discover,
    find,
)
from commands.language.declared import digest
from commands.language.visible import visible
from server.audit import clock
from server.live.inventory import Device

if TYPE_CHECKING:
    from server.live.session import Session


def at_device(spec: Spec) -> bool:
    """Whether the word is judged on the device that one stands on."""
    return spec.of_device or runs_there(spec)


def runs_there(spec: Spec) -> bool:
    """Whether a device's shim carries the word out, and so has to know it."""
    kind = find(spec.word)
    on_device = kind is not None and issubclass(kind, DeviceCommand | TerminalCommand)
    return on_device or spec.queued


def to_device(session: "Session", command: Command) -> bool:
    """Whether it goes to the session's device now; a queued one makes an action first."""
    queued = command.spec.queued and session.responder.door != "queue"
    return isinstance(command, DeviceCommand | TerminalCommand) and not queued


def lacks_device(session: "Session", command: Command) -> bool:
    """Whether it needs a device and neither it nor its session has one."""
    if to_device(session, command):
        return session.device is None
    return command.spec.queued and session.device is None and not getattr(command, "device", "")


def not_here(device: Device, spec: Spec) -> str:
    """Why a word is ruled out on this device; empty where it is not."""
    where = f"{spec.word} on {device.name}"
    if (denied := _denied(device, spec)) is not None:
        line = device.policy.deny[denied]
        needs = "" if denied == spec.word else f" needs {denied}, which is denied"
        return f"{where}{needs} by its own policy" + (f" (policy.toml line {line})" if line else "")
    if not runs_there(spec):
        return ""
    if device.policy.error:
        return (
            f"{where}: its own policy is broken, so nothing runs there "
            f"({visible(device.policy.error)}); mend it, then fireline-endpoint check"
        )
    if device.platform and device.platform not in spec.platforms:
        return f"{where}: not on {visible(device.platform)}"
    kind = find(spec.word)
    if device.online and kind is not None and device.declarations.get(spec.word) != digest(kind):
        return f"{where}: its shim {visible(device.shim)} lacks it or knows another form of it"
    return ""


def _denied(device: Device, spec: Spec) -> str | None:
    """The word by which the device's own policy denies this one."""
    return next((word for word in spec.words if word in device.policy.deny), None)


INSTEAD = {
    "shell": ("run",),
    "exec": ("run",),
    "run": ("shell",),
    "getfile": ("cat",),
    "cat": ("getfile",),
    "dir": ("findfile",),
    "findfile": ("dir",),
}
"""Words that do much of what another one does."""


def refusal(session: "Session", device: Device, spec: Spec) -> str:
    """Why a word is ruled out on this device and what to do; empty where it is not."""
    reason = not_here(device, spec)
    if not reason or (device.policy.error and _denied(device, spec) is None):
        return reason  # a broken policy's reason says it already
    return f"{reason}; {_instead(session, device, spec)}"


def _instead(session: "Session", device: Device, spec: Spec) -> str:
    """Another word that does much of the same, or who can mend it."""
    for word in INSTEAD.get(spec.word, ()):
        kind = find(word)
        if kind is None or not_here(device, kind.spec):
            continue
        if session.sessions.decide(session, kind.spec, device).error is None:
            return f"{word} is allowed"
    if _denied(device, spec) is not None:
        return "only the device's owner can change that"
    if device.platform and device.platform not in spec.platforms:
        return "help lists what runs there"
    return "its operator brings shim and broker to one version"


def not_here_words(session: "Session") -> dict[str, str]:
    """Word -> reason, for help: by platform, policy, shim or role."""
    reasons: dict[str, str] = {}
    for word, kind in discover().items():
        if issubclass(kind, DeskCommand | ConsoleCommand) and not kind.spec.bound:
            # Another role's word at the desk is nothing of this person's: it is left out.
            if session.sessions.decide(session, kind.spec, None).error is not None:
                reasons[word] = ""
            continue
        if session.device is not None and (reason := not_here(session.device, kind.spec)):
            reasons[word] = _short(session.device, kind.spec, reason)
            continue
        judged = session.sessions.decide(session, kind.spec, session.device)
        if judged.error is not None:
            reasons[word] = f"needs {kind.spec.role}" if session.device is not None else ""
    return reasons


def _short(device: Device, spec: Spec, reason: str) -> str:
    if (denied := _denied(device, spec)) and (line := device.policy.deny[denied]):
        return f"{device.name} forbids it, policy.toml line {line}"
    if device.policy.error:
        return "its policy is broken"
    return reason.removeprefix(f"{spec.word} on {device.name}").strip(": ")


def doubts(device: Device) -> str:
    """What speaks against a device being the one that was enrolled; for a person to look at."""
    found = []
    if device.clone:
        found.append(f"has a clone: another machine with its identity was refused, {device.clone}")
    facts, then = device.facts, device.host_then
    if facts is not None and then and facts.host.casefold() != then.casefold():
        now = visible(facts.host) or "nothing"
        found.append(
            f"calls itself {now} now, {visible(then)} when it was new here; it stays "
            f"{device.name}, and rules by name mean that name"
        )
    if facts is not None and device.machine_then not in ("", facts.machine) and facts.machine:
        found.append(
            "answers from another machine than when it was new here: a copy of its disk, or new "
            "hardware; revoke it and enrol anew what is meant to be it"
        )
    return "; ".join(found)


def since(device: Device) -> str:
    """` since …` for a device that is offline."""
    if device.last_seen_ms is None:
        return ", it has never been seen"
    return f" since {clock.told(device.last_seen_ms)}"
