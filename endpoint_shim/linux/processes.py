"""The process list of a Linux device, from /proc alone."""

import os
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing

from commands.language.host.processes import ProcessRow
from commands.language.items import Time
from commands.language.names import from_bytes
from endpoint_shim.batches import in_batches
from endpoint_shim.linux import proc
from endpoint_shim.linux.accounts import Accounts

CUT = 15
"""The kernel keeps so many bytes of a process's name."""
STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting in the kernel",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
    "X": "dead",
    "I": "idle",
    "P": "parked",
}


class LinuxProcesses:
    """Every process of the device, containers' too."""

    def __init__(self, accounts: Accounts | None = None) -> None:
        self._accounts = accounts or Accounts()

    async def list(self) -> AsyncIterator[ProcessRow]:
        async with aclosing(in_batches(_rows())) as rows:
            async for uid, row in rows:
                if uid is not None:
                    row.user_name = await self._accounts.user(uid)
                yield row


def _rows() -> Generator[tuple[int | None, ProcessRow], None, None]:
    boot = proc.boot()
    for pid in proc.pids():
        try:
            facts = proc.stat(pid)
        except (OSError, IndexError, ValueError):
            continue  # it ended; a half-read line is an ended one too
        yield _row(pid, facts, boot)


def _row(pid: int, facts: proc.Stat, boot: proc.Boot) -> tuple[int | None, ProcessRow]:
    row = ProcessRow(
        name=from_bytes(facts.comm),
        comm=from_bytes(facts.comm),
        pid=pid,
        parent_id=facts.parent,
        status=STATES.get(facts.state, facts.state),
        creation_time=Time(boot.at_ms + facts.started * 1000 // proc.TICKS),
        cpu=facts.cpu,
        working_set=facts.resident,
        session_id=facts.session,
        start_id=f"{boot.identity}:{facts.started}",
    )
    uid = None
    try:
        uid = proc.owner(pid)
        row.private_bytes = proc.private_bytes(pid)
        _add_program(row, facts)
    except (FileNotFoundError, ProcessLookupError):
        row.error = "it ended while it was looked at"
    except (OSError, IndexError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        row.error = f"not all of it can be seen: {reason.lower()}"
    return uid, row


def _add_program(row: ProcessRow, facts: proc.Stat) -> None:
    arguments, cut = proc.command_line(row.pid)
    row.arguments = [from_bytes(one) for one in arguments]
    row.command_line = from_bytes(b" ".join(arguments))
    if cut:
        row.error = f"its command line is longer than {proc.MOST_COMMAND_LINE:,} bytes; cut there"
    if facts.kernel:
        return
    path, row.deleted = proc.program(row.pid)
    row.path = from_bytes(path) if path else None
    row.name = from_bytes(whole_name(facts.comm, [path, *arguments[:2]]))


def whole_name(comm: bytes, candidates: list[bytes]) -> bytes:
    """The name behind one that the kernel cut: the program's file, or a script among the words."""
    if len(comm) < CUT:
        return comm
    for candidate in candidates:
        name = os.path.basename(candidate)
        if name.startswith(comm):
            return name
    return comm
