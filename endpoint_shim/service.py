"""`fireline-endpoint service …`: the shim as a service, by each system's own means."""

import sys
from pathlib import Path

from commands.language.errors import Refused
from endpoint_shim import changers, config, guard_state

WORDS = {
    "install": "make it a service that starts now, with the system, and again when it is killed",
    "remove": "stop the service and take it away; the device's identity stays",
    "state": "say how the service is",
}
if sys.platform == "win32":
    WORDS["run"] = "what the system itself starts"
else:
    WORDS["unit"] = "print the unit that install writes"


def act(word: str, state: Path, *, anyway: bool = False) -> str:
    """Does it, and says what was done."""
    if word == "install":
        config.load(state)  # a service without an identity would start and end for ever
        if not anyway:
            refuse_where_others_could_change_it([state, *changers.program()])
    if word == "remove" and not anyway:
        refuse_while_contained(state)
    if sys.platform == "win32":
        from endpoint_shim.windows import service as windows

        return windows.act(word, state)
    from endpoint_shim.linux import service as linux

    match word:
        case "install":
            return linux.install(state)
        case "remove":
            return linux.remove()
        case "unit":
            return linux.unit(state).rstrip("\n")
    return state_of()[1]


def refuse_where_others_could_change_it(paths: list[Path]) -> None:
    """Raises Refused: as a service, what lies there is root's or SYSTEM's word at each start."""
    if bad := changers.found(paths):
        more = f" (and {len(bad) - 1} more: fireline-endpoint check)" if len(bad) > 1 else ""
        raise Refused(f"no service is made of what others can change: {bad[0]}{more}; or --anyway")


def refuse_while_contained(state: Path) -> None:
    """Raises Refused: with the service goes what would end it, and the broker's word would find
    nobody."""
    kept = guard_state.load(state)
    held = {"isolated": kept.force is not None, "restricted": kept.restriction.on}
    if so := " and ".join(word for word, on in held.items() if on):
        raise Refused(
            f"this device is {so}, which nothing could end without its service: have it released "
            "first (offline: fireline-endpoint release, or with its service stopped, "
            "fireline-endpoint unrestrict); or --anyway"
        )


def state_of() -> tuple[bool, str]:
    """Whether the service is as it should be, and a sentence."""
    if sys.platform == "win32":
        from endpoint_shim.windows.scm import state_of
    else:
        from endpoint_shim.linux.service import state_of
    return state_of()
