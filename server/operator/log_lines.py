"""The broker's log on standard error: one event is one line, whatever text an event carries.

What a device, a client or an outsider sent may stand in a message or in a traceback; here alone
it becomes visible text, so that no caller has to remember it.
"""

import logging
import sys

from commands.language.visible import visible

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class OneLine(logging.Formatter):
    """Line ends are written out too, those of tracebacks as well."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record).replace("\n", " | "))


def begin() -> None:
    """Sends all of this process's log there."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(OneLine(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    for library in ("asyncssh", "websockets"):
        logging.getLogger(library).setLevel(logging.WARNING)
