"""A broker that is broken on purpose: what a device says is so, and no violation is recorded."""

import sys

from server.__main__ import main
from server.live.claims import Claims
from server.live.inventory import Device
from server.live.sessions import Sessions


def _unrecorded(sessions: Sessions, device: Device, what: str) -> None:
    """As if nothing had been."""


if __name__ == "__main__":
    Claims.check = lambda claims, item: None  # type: ignore[method-assign, assignment]
    Claims.check_bytes = lambda claims: None  # type: ignore[method-assign, assignment]
    Sessions.violated = _unrecorded  # type: ignore[method-assign, assignment]
    sys.exit(main())
