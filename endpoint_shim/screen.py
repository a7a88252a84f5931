"""A terminal tied to its stream by callbacks: no task and no queue between the two.

What the stream cannot take pauses the terminal; what the terminal cannot take stays in the
command's input, unacknowledged, and so stops the broker.
"""

from typing import Literal

from commands.language import wire
from commands.language.host.terminal import Terminal
from commands.language.items import Into, Note, encode
from endpoint_shim.inputs import Input
from endpoint_shim.stream import Stream


class Screen:
    """The ties, until `close`."""

    def __init__(self, terminal: Terminal, taken: Input, stream: Stream) -> None:
        self._terminal = terminal
        self._input = taken
        self._stream = stream
        self._full = False
        self._paused = False
        self._open = True
        self._where = "stdout"
        terminal.on_output = self._output
        terminal.on_error = self._error
        terminal.on_writable = self._writable
        terminal.on_quiet = self._quiet
        terminal.on_note = self._note
        stream.on_room = self._room
        stream.keep_at_most(wire.SHOWN_WINDOW)
        self.typed()

    def typed(self) -> None:
        """Gives the terminal what has come, as far as it takes it."""
        if not self._full:
            self._input.drain(self._write)
        if self._input.finished:
            self._terminal.end_input()

    def resize(self, columns: int, rows: int) -> None:
        self._terminal.resize(columns, rows)

    def signal(self, name: str) -> None:
        self._terminal.signal(name)

    def close(self) -> None:
        """The terminal ended: nothing of it reaches the stream any more."""
        self._open = False
        self._stream.on_room = lambda _: None
        self._stream.keep_at_most(wire.WINDOW)

    def _output(self, data: bytes) -> None:
        self._say(data, "stdout")

    def _error(self, data: bytes) -> None:
        self._say(data, "stderr")

    def _say(self, data: bytes, where: Literal["stdout", "stderr"]) -> None:
        if not self._open:
            return
        if where != self._where:
            self._where = where
            self._stream.send_text(encode(Into(where)))
        self._stream.send_bytes(data)
        if not self._stream.room:
            self._paused = True
            self._terminal.pause()

    def _room(self, room: bool) -> None:
        if room and self._paused:
            self._paused = False
            self._terminal.resume()

    def _write(self, data: bytes) -> bool:
        self._full = not self._terminal.write(data)
        return not self._full

    def _writable(self) -> None:
        self._full = False
        self.typed()

    def _note(self, text: str) -> None:
        if self._open:
            self._stream.send_text(encode(Note(text)))

    def _quiet(self, on: bool) -> None:
        if self._open:
            self._stream.send(wire.Quiet(on=on))
