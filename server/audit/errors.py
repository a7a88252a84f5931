"""How the journal refuses."""

from commands.language.errors import Failed, Refused
from commands.language.visible import visible


class NoSpace(Refused):
    """Less than the reserve is free: no session opens."""

    code = "no_space"


class RecordingFull(Refused):
    """A budget of mission.md section 14 is used up; it ends this session or command only."""

    code = "budget"


class RecordingBroken(Failed):
    """A chunk could not be written; nothing may be shown that is not recorded."""

    code = "recording_broken"


def no_such_session(session: str) -> Failed:
    """One answer, and status 1, wherever a session is named that is not there to be read."""
    return Failed(f"there is no session {visible(session)[:32]}; sessions lists them")
