"""asyncssh's server channel with what it lacks: bounds on what a client makes it keep.

asyncssh is pinned to the version whose insides this overrides; tests hold each override.
"""

import asyncio
from typing import Any, Final

import asyncssh
from asyncssh.packet import SSHPacket

KEPT: Final = {b"NO_COLOR": 64, b"FIRELINE_COMMENT": 1024}
"""The environment names that are read, and the most bytes of each that are kept."""
WINDOW = 256 * 1024
PACKET = 32 * 1024
JOINED = 16 * 1024
PATIENCE_S = 1.0


class ServerChannel(asyncssh.SSHServerChannel[bytes]):
    """Bytes only, no line editor, two names of the environment, bounded in both directions."""

    def __init__(self, conn: asyncssh.SSHServerConnection, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(conn, loop, True, False, False, 0, 0, None, "strict", WINDOW, PACKET)
        self.comment_cut = False
        self._held = False
        self._spare = 0
        self._sparing = False
        self._unanswered: asyncio.TimerHandle | None = None

    def hold(self, held: bool) -> None:
        """The connection's socket is full (or no more): asyncssh itself would write on."""
        self._held = held
        if not held and self._send_state != "closed":
            self._flush_send_buf()

    def send_little(self) -> None:
        """A terminal's: a little more than half of the client's window is on its way at most.

        What is, a Ctrl-C in a flood has to wait for where the client reads slowly. Clients give a
        window back when half of it is used, or sooner; to one that does not, all of it is sent.
        """
        self._spare = max(0, self._send_window // 2 - PACKET)

    def log_sent_packet(self, *_: Any) -> None:
        """asyncssh puts a line together for each packet, of an echo too, that nobody reads."""

    def log_received_packet(self, *_: Any) -> None:
        """The same."""

    def _flush_send_buf(self) -> None:
        if self._held:
            self._pause_resume_writing()
        elif self._sparing or not self._spare:
            super()._flush_send_buf()
        else:
            self._flush_sparing()

    def _flush_sparing(self) -> None:
        if self._unanswered is not None:
            self._unanswered.cancel()
            self._unanswered = None
        spared = min(self._spare, self._send_window)
        self._send_window -= spared
        self._sparing = True  # who hears that there is room writes at once
        try:
            super()._flush_send_buf()
        finally:
            self._sparing = False
            self._send_window += spared
        if self._send_buf and spared:
            self._unanswered = self._loop.call_later(PATIENCE_S, self._send_all)

    def _send_all(self) -> None:
        self._unanswered = None
        if self._send_state != "closed" and not self._held:
            super()._flush_send_buf()

    def _process_env_request(self, packet: SSHPacket) -> bool:
        name, value = packet.get_string(), packet.get_string()
        packet.check_end()
        if name not in KEPT:
            return False
        if len(value) > KEPT[name]:
            value, self.comment_cut = b"", True
        self._env[name] = value
        return True

    def _process_exec_request(self, packet: SSHPacket) -> bool:
        command = packet.get_string()
        packet.check_end()
        # Not UTF-8 is refused by the door with a sentence and a status, not by the protocol.
        return self._start_session(command=command.decode("utf-8", "surrogateescape"))

    def _accept_data(self, data: bytes, datatype: Any = None) -> None:
        """While paused, one-byte packets are joined: a list of them takes seconds to empty."""
        if self._recv_paused and self._recv_buf and self._send_state == "open":
            last, kind = self._recv_buf[-1]
            if kind == datatype and len(last) + len(data) <= JOINED:
                self._recv_window -= len(data)
                self._recv_buf[-1] = (last + data, kind)
                return
        super()._accept_data(data, datatype)
