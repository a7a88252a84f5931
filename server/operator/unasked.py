"""What ended with an error that nobody waits for: a sentence where it has one, else its traceback.

When the store fails, every part of the broker that was about to record something ends with the
same words: they are said once, not by each.
"""

import asyncio
import logging
from typing import Any

from commands.language.errors import FirelineError
from server.store.errors import JournalBroken

log = logging.getLogger(__name__)


class Unasked:
    """The loop's own handler of such errors."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._said = ""
        loop.set_exception_handler(self._told)

    def store_failed(self, failure: str) -> None:
        """The broker ends by it."""
        self._said = failure
        log.critical("the store failed: %s", failure)

    def _told(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, FirelineError):
            loop.default_exception_handler(context)
        elif not isinstance(error, JournalBroken):
            log.error("%s: %s", context["message"], error)
        elif str(error) != self._said:
            self._said = str(error)
            log.error("not recorded: %s", error)
