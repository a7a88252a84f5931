"""How the journal refuses."""

from commands.language.errors import Failed, Refused


class NoSpace(Refused):
    """Less than the reserve is free: no session opens."""

    code = "no_space"


class RecordingFull(Refused):
    """A budget of mission.md section 14 is used up; it ends this session or command only."""

    code = "budget"


class RecordingBroken(Failed):
    """A chunk could not be written; nothing may be shown that is not recorded."""

    code = "recording_broken"
