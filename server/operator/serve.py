"""`fireline serve`: runs the broker until it is told to stop."""

import asyncio
import gc
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from commands.language.enrolment import written_place
from commands.language.errors import Failed
from server.broker import Broker
from server.config import load
from server.operator import log_lines
from server.operator.processes import READY_FD
from server.operator.unasked import Unasked

SWITCH_S = 0.001
"""The journal's thread comes back from each commit to an interpreter that a flood keeps busy: with
Python's own 5 ms the record of a keystroke waits that long, more than once."""

COLLECT_AFTER = 2000, 10, 10
"""Objects, and rounds, between looks for cycles. With Python's own 700, and all that was loaded
looked through each time (loading.py ends that), the loop stood for 0.17 s in `on all` on 500
devices."""


def serve(state: Path) -> int:
    """Runs it; 0 after an ordered stop, 1 where the store failed."""
    log_lines.begin()
    os.umask(0o077)
    sys.setswitchinterval(SWITCH_S)
    return uvloop.run(_serve(state))


async def _serve(state: Path) -> int:
    loop = asyncio.get_running_loop()
    unasked = Unasked(loop)
    try:
        broker = await Broker.start(load(state))
    except OSError as error:
        raise Failed(f"the broker cannot start: {error.strerror or error}") from None
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    gc.set_threshold(*COLLECT_AFTER)
    _ready(broker, state)
    waits: list[asyncio.Future[Any]] = [
        asyncio.create_task(stopped.wait()),
        broker.store.failed,
    ]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if not broker.store.failed.done():
        # Nothing can be recorded on a full disk: that stop ends as a failed store does.
        waits[0] = asyncio.create_task(broker.stop("the broker stopped"))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if broker.store.failed.done():
        unasked.store_failed(broker.store.failure)
        await broker.give_up()
        return 1
    await waits[0]
    return 0


def _ready(broker: Broker, state: Path) -> None:
    """Tells who waits, and the person at this terminal what to type next."""
    ports, config = broker.ports, broker.config
    line = f'{{"ssh":{ports.ssh},"devices":{ports.devices},"enrolment":{ports.enrolment}}}\n'
    told = os.environ.get(READY_FD)
    if told is not None:
        with os.fdopen(int(told), "w") as ready:
            ready.write(line)
    print(
        f"serving ssh at {config.ssh_host}:{ports.ssh}, devices at "
        f"{written_place(config.device_host, ports.devices)}, enrolment at "
        f"{written_place(config.device_host, ports.enrolment)} while a token is unused\n"
        f"next, in another terminal: fireline --state {shlex.quote(str(state))} token new > FILE",
        file=sys.stderr,
        flush=True,
    )
