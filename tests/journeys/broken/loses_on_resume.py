"""A broker that is broken on purpose: a stream that comes back lacks a frame."""

import sys

from commands.language.framed import FramedSocket
from server.__main__ import main
from server.live.stream import Stream

_take_again = Stream.take_again


def _forgetful(stream: Stream, socket: FramedSocket, frames: int) -> bool:
    return _take_again(stream, socket, min(frames + 1, stream._sent.count))


if __name__ == "__main__":
    Stream.take_again = _forgetful  # type: ignore[method-assign, assignment]
    sys.exit(main())
