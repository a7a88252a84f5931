"""Errors that nobody waits for: what the log says of them."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from commands.language.errors import Failed
from server.operator.unasked import Unasked
from server.store.errors import JournalBroken

FAILURE = "the store did not take a write: disk I/O error; the broker must be restarted"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.ERROR):  # asyncio's debug mode warns of a slow machine
        yield caplog


async def ended_with(error: Exception) -> None:
    """A task of nobody's ends so, and is forgotten."""

    async def part() -> None:
        raise error

    task = asyncio.create_task(part())
    await asyncio.wait([task])
    del task


async def test_a_store_that_failed_is_said_once_however_many_parts_end_by_it(
    log: pytest.LogCaptureFixture,
) -> None:
    unasked = Unasked(asyncio.get_running_loop())
    unasked.store_failed(FAILURE)
    for _ in range(3):
        await ended_with(JournalBroken(FAILURE))
    assert log.messages == [f"the store failed: {FAILURE}"]


async def test_what_ends_by_the_store_before_the_broker_knows_is_said_in_words(
    log: pytest.LogCaptureFixture,
) -> None:
    Unasked(asyncio.get_running_loop())
    for _ in range(3):
        await ended_with(JournalBroken(FAILURE))
    assert log.messages == [f"not recorded: {FAILURE}"]
    assert log.records[0].exc_info is None


async def test_a_refusal_is_its_sentence_and_no_traceback(log: pytest.LogCaptureFixture) -> None:
    Unasked(asyncio.get_running_loop())
    await ended_with(Failed("the evidence cannot be kept: no space left"))
    (said,) = log.records
    assert said.getMessage().endswith(": the evidence cannot be kept: no space left")
    assert said.exc_info is None


async def test_a_defect_keeps_its_traceback(log: pytest.LogCaptureFixture) -> None:
    Unasked(asyncio.get_running_loop())
    await ended_with(KeyError("a defect"))
    (said,) = log.records
    assert said.exc_info is not None and isinstance(said.exc_info[1], KeyError)
