"""Every way a command can end other than well; each class is one exit status and one word.

Messages are one lower-case sentence: what happened, on which device, why, and what to do next.
"""

import re
from typing import ClassVar


class FirelineError(Exception):
    """The root. `status` is the exit status, `word` opens the message, `code` names it in JSON."""

    status: ClassVar[int] = 1
    word: ClassVar[str] = "failed"
    code: ClassVar[str] = "failed"
    rule: str = ""
    """The access rule that decided it, where one did; JSON names it."""

    def shown(self) -> str:
        """The message as a person reads it: `class word: sentence`."""
        return f"{self.word}: {self}"


class Failed(FirelineError):
    """The command was tried and failed."""


class NotUnderstood(FirelineError):
    """The line is no command, or its words do not fit the command."""

    status = 2
    word = "not understood"
    code = "not_understood"


class Refused(FirelineError):
    """A rule, the platform, the device's policy or a state forbids it."""

    status = 3
    word = "refused"
    code = "refused"


class NeedsAnswer(Refused):
    """A question has to be answered before any effect; `-yes` answers it.

    `question` is what a person at a terminal is asked; the message names the way without one.
    `expects` is what has to be typed for yes where `y` is too easily typed.
    """

    def __init__(self, question: str, way: str, expects: str = "") -> None:
        super().__init__(f"{question}; {way}")
        self.question, self.expects = question, expects


class Unreachable(FirelineError):
    """The device does not answer, or no device of that name may be seen."""

    status = 4
    word = "unreachable"
    code = "unreachable"


class TimedOut(FirelineError):
    """The command's time limit ended it."""

    status = 124
    word = "timed out"
    code = "timed_out"


class Cancelled(FirelineError):
    """Somebody asked for the end, and the device said it ended."""

    status = 130
    word = "cancelled"
    code = "cancelled"


class Interrupted(Failed):
    """A start without an end: what it did is not known."""

    code = "interrupted"


BY_CODE: dict[str, type[FirelineError]] = {
    kind.code: kind
    for kind in (Failed, NotUnderstood, Refused, Unreachable, TimedOut, Cancelled, Interrupted)
}


def on_device(error: FirelineError, word: str, device: str) -> FirelineError:
    """The error with its device named, where its sentence does not do so itself.

    A device says what went wrong with a path or a script; which device that was, only the broker
    says: `dir on web-01: /x does not exist`.
    """
    said = str(error)
    if re.search(rf"(?:^|\bon ){re.escape(device)}(?![\w.-])", said, re.IGNORECASE):
        return error
    if said.startswith(f"{word} "):
        return type(error)(f"{word} on {device}{said.removeprefix(word)}")
    return type(error)(f"{word} on {device}: {said}")


def from_code(code: str, message: str) -> FirelineError:
    """The error that a device or a record names by its code; an unknown code is a failure."""
    return BY_CODE.get(code, Failed)(message)
