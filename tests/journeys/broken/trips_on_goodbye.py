"""A broker that is broken on purpose: what a device says as it stops ends up in a traceback."""

import sys

from commands.language import wire
from server.__main__ import main
from server.live.device_line import DeviceLine

_take = DeviceLine._take


def _trip(line: DeviceLine, message: wire.Up) -> None:
    if isinstance(message, wire.Bye):
        raise LookupError(message.reason)
    _take(line, message)


if __name__ == "__main__":
    DeviceLine._take = _trip  # type: ignore[method-assign, assignment]
    sys.exit(main())
