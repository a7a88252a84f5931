"""Supervisor and worker: messages over their own pipe, each behind its length in four bytes."""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from commands.language import wire

LONGEST = 65_536
_HEAD = 4


class Placed(msgspec.Struct, tag_field="m", tag="placed", kw_only=True, forbid_unknown_fields=True):
    """The first message to a worker: where it stands."""

    state: str
    session_folder: str
    group: str
    device: str
    hung: dict[str, str] = {}
    """Mounts that must not be touched, and why."""


class Hung(msgspec.Struct, tag_field="m", tag="hung", kw_only=True, forbid_unknown_fields=True):
    """The mounts that must not be touched now; in place of what was said before."""

    mounts: dict[str, str]


class Found(msgspec.Struct, tag_field="m", tag="found", kw_only=True):
    """Facts that the supervisor may not look up itself, because the look-up may hang."""

    user: wire.Short = ""
    last_user: wire.Short = ""
    last_user_ms: wire.Moment = 0


class Waiting(msgspec.Struct, tag_field="m", tag="waiting", kw_only=True):
    """The worker ends itself, but something in it waits in the kernel and may not let it go."""

    number: int


ToWorker = Placed | Hung | wire.Open | wire.Cancel | wire.Close | wire.End
FromWorker = wire.Ready | wire.WorkerDone | wire.Stopping | wire.Gone | Found | Waiting

to_worker: "msgspec.json.Decoder[ToWorker]" = msgspec.json.Decoder(ToWorker)
from_worker: "msgspec.json.Decoder[FromWorker]" = msgspec.json.Decoder(FromWorker)


class Broken(Exception):
    """What came over the pipe is no message."""


class Deframer:
    """Bytes in, whole messages out; pure."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now; raises Broken for one that is too long."""
        self._kept += data
        whole = []
        while len(self._kept) >= _HEAD:
            size = int.from_bytes(self._kept[:_HEAD], "big")
            if size > LONGEST:
                raise Broken(f"a message of {size:,} bytes on the pipe")
            if len(self._kept) < _HEAD + size:
                break
            whole.append(bytes(self._kept[_HEAD : _HEAD + size]))
            del self._kept[: _HEAD + size]
        return whole


def frame(message: msgspec.Struct) -> bytes:
    """A message with its length before it."""
    data = msgspec.json.encode(message)
    return len(data).to_bytes(_HEAD, "big") + data


class Pipe(asyncio.Protocol):
    """One end. Reading and writing may be one transport (a socket) or two (Windows pipes)."""

    def __init__(self, on_message: Callable[[bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._deframer = Deframer()
        self._writing: asyncio.WriteTransport | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write"):
            self._writing = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._deframer.feed(data):
                self._on_message(message)
        except (Broken, msgspec.DecodeError):
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._on_lost()

    def send(self, message: msgspec.Struct) -> None:
        """Sends; nothing after the end."""
        if self._writing is not None and not self._writing.is_closing():
            self._writing.write(frame(message))

    def close(self) -> None:
        if self._writing is not None:
            self._writing.close()
