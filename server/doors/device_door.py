"""An exec at `you~NAME@broker`: one line in the device's own shell, as sshd there would run it.

1. It is the word `exec`, judged and recorded as where it is typed; nothing of ours is added to
   what it gives, and no key of ours is looked for in what it gets.
2. Its session is the device's alone. One that does not open is refused in a desk session's journal.
3. The exit status is the line's own; one that a signal ended is told by that signal.
"""

from typing import TYPE_CHECKING

from commands.exec import Exec
from commands.language.errors import FirelineError, NotUnderstood
from commands.language.line import TypedLine
from commands.on import On
from server.doors.batch import Batch
from server.doors.client import Client, Stdin
from server.doors.plain_view import PlainView
from server.live.terminal_job import TerminalJob

if TYPE_CHECKING:
    from server.live.rooms import Rooms


class DeviceDoor(Batch):
    """One channel."""

    def __init__(self, broker: "Rooms", client: Client, stdin: Stdin, device: str) -> None:
        super().__init__(broker, client, "exec", stdin)
        self.named = self._name = device

    async def serve(self, line: str) -> int:
        """Runs the line; its exit status, or the negative number of the signal that ended it."""
        command = Exec.given(line, terminal=self.client.terminal)
        typed = TypedLine(f"exec {command.line}", command)
        try:
            try:
                await self._arrive(typed)
                return await self.run(typed)
            finally:
                await self.close()
        except FirelineError as error:
            self.show_error(error)
            return error.status

    async def _arrive(self, typed: TypedLine) -> None:
        if self.client.comment_too_long:
            raise NotUnderstood("FIRELINE_COMMENT is longer than 200 characters")
        try:
            self.session = await self.opened(self._name or "~", None)
        except FirelineError:
            await self.begin()
            line = On(self._name, typed.text)
            await self.here.judge(TypedLine(f"on {self._name} {typed.text}", line))
            raise

    def without_terminal(self, typed: TypedLine) -> TypedLine:
        return typed  # it is made for what there is

    async def view(self, job: TerminalJob) -> int:
        terminal = self.client.terminal
        await PlainView(self.client, self._stdin, job, filtered=terminal).run()
        if job.error is not None:
            raise job.error
        for sentence in job.left_behind:
            self.say(sentence)
        return job.exit_code or 0
