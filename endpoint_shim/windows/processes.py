"""The process list of a Windows device: one snapshot, then what each process lets be asked."""

import ctypes
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing
from ctypes import wintypes

from commands.language.host.processes import ProcessRow
from commands.language.names import from_text
from endpoint_shim.batches import in_batches
from endpoint_shim.windows.accounts import Accounts
from endpoint_shim.windows.command_lines import command_line
from endpoint_shim.windows.kernel import QUERY_LIMITED, close, failure, kernel32, ntdll
from endpoint_shim.windows.snapshot import Process, processes
from endpoint_shim.windows.times import time_of

assert sys.platform == "win32"

# SYSTEM_INFORMATION_CLASS.
SYSTEM_PROCESS_INFORMATION = 5
LENGTH_MISMATCH = 0xC0000004
LONGEST_PATH = 32_768
MOST = 64 * 1024 * 1024
IDLE = "System Idle Process"


class WindowsProcesses:
    """Every process of the device; those that refuse to be opened carry an error."""

    async def list(self) -> AsyncIterator[ProcessRow]:
        async with aclosing(in_batches(_rows())) as rows:
            async for row in rows:
                yield row


def _rows() -> Generator[ProcessRow, None, None]:
    accounts = Accounts()
    for process in snapshot():
        row = _row(process)
        # Idle and Registry-like processes of the kernel have no program to ask about.
        if process.pid:
            _ask(row, accounts)
        yield row


def snapshot() -> list[Process]:
    """Every process, in the kernel's order."""
    size = 256 * 1024
    while size <= MOST:
        buffer = ctypes.create_string_buffer(size)
        needed = wintypes.ULONG()
        status = ntdll.NtQuerySystemInformation(
            SYSTEM_PROCESS_INFORMATION, buffer, size, ctypes.byref(needed)
        )
        if status == 0:
            return list(processes(buffer.raw, ctypes.addressof(buffer)))
        if status != LENGTH_MISMATCH:
            raise OSError(f"the list of processes is refused (NTSTATUS {status:#x})")
        size *= 2
    raise OSError(f"the list of processes is longer than {MOST:,} bytes")


def name_of(pid: int) -> str:
    """A process's name; nothing once it has ended."""
    return next((one.name for one in snapshot() if one.pid == pid), "")


def images() -> Iterator[tuple[int, str]]:
    """Every process with its program's file; those that do not tell are left out."""
    for one in snapshot():
        if process := kernel32.OpenProcess(QUERY_LIMITED, False, one.pid) if one.pid else 0:
            try:
                yield one.pid, _image(process)
            except OSError:
                continue  # it ended meanwhile, or is the kernel's own
            finally:
                close(process)


def own_image() -> str:
    """The file of this very process: in a venv that is the Python behind its `python.exe`."""
    return _image(kernel32.GetCurrentProcess())


def _row(process: Process) -> ProcessRow:
    return ProcessRow(
        name=from_text(process.name or (IDLE if process.pid == 0 else "")),
        pid=process.pid,
        parent_id=process.parent,
        status="suspended" if process.suspended else "running",
        creation_time=time_of(process.created),
        cpu=process.cpu / 10_000_000,
        working_set=process.working_set,
        private_bytes=process.private,
        session_id=process.session,
        start_id=str(process.created),
    )


def _ask(row: ProcessRow, accounts: Accounts) -> None:
    process = kernel32.OpenProcess(QUERY_LIMITED, False, row.pid)
    try:
        if not process:
            raise failure()
        row.path = from_text(_image(process))
        row.user_name = accounts.of_process(process)
        row.command_line = command_line(process, row.pid)
    except OSError as error:
        row.error = f"not all of it can be seen: {(error.strerror or str(error)).lower()}"
    finally:
        if process:
            close(process)


def _image(process: int) -> str:
    found = ctypes.create_unicode_buffer(LONGEST_PATH)
    size = wintypes.DWORD(LONGEST_PATH)
    if not kernel32.QueryFullProcessImageNameW(process, 0, found, ctypes.byref(size)):
        raise failure()
    return found.value
