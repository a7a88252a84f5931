"""`fireline serve`: runs the broker until it is told to stop."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from server.broker import Broker
from server.config import load

READY_FD = "FIRELINE_READY_FD"
"""A descriptor that gets one JSON line with the ports when all doors are open (the demo's wait)."""


def serve(state: Path) -> int:
    """Runs it; 0 after an ordered stop, 1 where the store failed."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    os.umask(0o077)
    return uvloop.run(_serve(state))


async def _serve(state: Path) -> int:
    broker = await Broker.start(load(state))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    _ready(broker)
    waits: list[asyncio.Future[Any]] = [
        asyncio.create_task(stopped.wait()),
        broker.store.failed,
    ]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if broker.store.failed.done():
        logging.getLogger(__name__).critical("the store failed: %s", broker.store.failure)
        return 1
    waits[0].cancel()
    await broker.stop("the broker stopped")
    return 0


def _ready(broker: Broker) -> None:
    ports = broker.ports
    line = f'{{"ssh":{ports.ssh},"devices":{ports.devices},"enrolment":{ports.enrolment}}}\n'
    told = os.environ.get(READY_FD)
    if told is not None:
        with os.fdopen(int(told), "w") as ready:
            ready.write(line)
    logging.getLogger(__name__).info("serving: %s", line.strip())
