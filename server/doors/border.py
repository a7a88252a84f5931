"""The border between a command's showing and its console: a defect ends the one, not the other."""

import logging
from collections.abc import Awaitable
from typing import TypeVar

from commands.language.errors import Failed, FirelineError
from server.live.job import Job

T = TypeVar("T")
log = logging.getLogger(__name__)


async def showing(job: Job, shown: Awaitable[T]) -> T:
    """What the showing gives; where it breaks the command is stopped, and a sentence says so."""
    try:
        return await shown
    except FirelineError:
        raise
    except Exception as error:
        log.exception("%s #%d could not be shown", job.spec.word, job.number)
        ran = job.running
        answer = await job.cancel()
        raise Failed(
            f"{job.spec.word} #{job.number} could not be shown: an error inside Fireline; the "
            f"broker's log has it{f'; {answer}' if ran else ''}"
        ) from error
