"""What a second scan or collection is to the ones that are open; pure.

1. It joins one of the same parameters that will run for who asks now as well: one that waits for a
   second person counts only for somebody who would have to wait for one too.
2. Beside one of other parameters that runs it is nothing: it says which one, and what differs.
3. Beside what has not begun it is an action of its own, and has its turn.
"""

from collections.abc import Sequence

import msgspec

from commands.language.command import HIDDEN, Command
from commands.language.errors import Failed, Refused
from commands.language.line import quoted
from commands.language.visible import visible
from server.actions.action import Action
from server.actions.asked import Asked
from server.live.device_job import command_value

MOST_WAITING = 50
"""Of what one device is to run: it is not asked for more."""


def joined(opened: Sequence[Action], command: Command, *, second: bool) -> Action | None:
    """The one that it joins; None where it is one of its own. Raises what it cannot be.

    `opened`: of its device, what is run there. `second`: a rule wants a second person for it.
    """
    of_word = [one for one in opened if one.word == command.spec.word]
    for one in of_word:
        waits = one.approval == "needed"
        if not differences(one, command) and (second or not waits):
            return one
    for one in of_word:
        if one.state == "InProgress":
            raise Failed(
                f"{one.label} runs on {one.name}: {visible(one.text)}, asked by {one.person}; it "
                f"is another one than yours: {'; '.join(differences(one, command))}; cancel "
                f"{one.label}, or ask again when it has ended"
            )
    _check_room(opened)
    return None


def repeated(opened: Sequence[Action], asked: Asked) -> Action | None:
    """The same line of the same person, which waits for its second person already.

    Of what is no action by itself (run, shell): two of them are two.
    """
    command = asked.command
    for one in opened:
        mine = (one.word, one.person, one.folder) == (
            command.spec.word, asked.person, asked.folder,
        )  # fmt: skip
        if mine and one.approval == "needed" and one.value == command_value(command):
            return one
    _check_room(opened)
    return None


def _check_room(opened: Sequence[Action]) -> None:
    if len(opened) >= MOST_WAITING:
        first = opened[0]
        raise Refused(
            f"{len(opened)} actions wait for {first.name} already; cancel one, such as "
            f"{first.label}, or ask again later"
        )


def differences(one: Action, command: Command) -> list[str]:
    """Each parameter that is another one there than in the command, as it is typed."""
    try:
        there = one.command()
    except msgspec.ValidationError:  # of another version of the broker
        return [f"{visible(one.text)} there"]
    found = []
    for parameter in command.spec.parameters:
        if parameter.mark is HIDDEN:
            continue
        theirs, ours = getattr(there, parameter.name), getattr(command, parameter.name)
        if theirs != ours:
            found.append(f"-{parameter.name} {_said(theirs)} there, {_said(ours)} here")
    return found


def _said(value: object) -> str:
    return "not given" if value in (None, "") else visible(quoted(str(value)))
