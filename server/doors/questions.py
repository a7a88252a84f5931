"""What a person is asked before an effect: a comment for an action, and the one question.

Without a terminal nothing is asked: what then is missing says what to type.
"""

import dataclasses
from typing import TYPE_CHECKING

from msgspec.structs import replace

from commands.language.errors import NeedsAnswer
from commands.language.line import TypedLine
from server.live import second_person

if TYPE_CHECKING:
    from server.doors.station import Station


def of_device(typed: TypedLine, device: str) -> TypedLine:
    """The word bound to the device that `on` names."""
    return dataclasses.replace(typed, command=replace(typed.command, device=device))


async def reasoned(station: "Station", typed: TypedLine) -> TypedLine:
    """An action has a comment: its line's, its session's, or the one that is asked for."""
    command = typed.command
    if typed.options.comment or station.here.comment:
        return typed
    if not (command.spec.queued or second_person.waits(station.here, command)):
        return typed
    sessions = station.here.sessions
    if sessions.permitted(station.here, command, "to be asked").error is not None:
        return typed  # refused, and recorded, without being asked why first
    device = str(getattr(command, "device", "")) or station.device_name()
    comment = await station.action_comment(command.spec.word, device) if device else None
    if comment is None:
        return typed
    return dataclasses.replace(typed, options=dataclasses.replace(typed.options, comment=comment))


async def says_yes(station: "Station", asked: NeedsAnswer, word: str) -> bool:
    """Whether the person answers the question as it wants to be answered."""
    if not asked.expects:
        return await station.answer(f"{asked.question}; run it? (y; Enter: no) ", "y", "yes")
    station.say(asked.question)
    return await station.answer(f"Type the device's name to {word} it (Enter: no): ", asked.expects)
