"""A numbered line that became no job: it was refused, or acted on the door that it was typed at."""

import asyncio

from commands.language.errors import FirelineError
from commands.language.line import TypedLine
from server.audit import clock


class DoorLine:
    """What `log` says of it."""

    def __init__(self, number: int, typed: TypedLine) -> None:
        self.number, self.typed = number, typed
        self.word = typed.command.spec.word
        self.began_ms = clock.now_ms()
        self.state, self.message = "running", ""
        self.took: float | None = None
        self._began = asyncio.get_running_loop().time()

    def end(self, error: FirelineError | None) -> None:
        """Done, or why not."""
        self.took = asyncio.get_running_loop().time() - self._began
        self.state = "completed" if error is None else error.word
        self.message = "" if error is None else str(error)
