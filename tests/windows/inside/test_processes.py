"""The process list of a real Windows."""

import ctypes
import os
import subprocess
import sys

import pytest

from commands.language.host.processes import ProcessRow
from commands.language.names import to_units
from endpoint_shim.windows import processes
from endpoint_shim.windows.processes import WindowsProcesses, name_of


async def rows() -> dict[int, ProcessRow]:
    return {row.pid: row async for row in WindowsProcesses().list()}


async def test_this_process_is_seen_whole() -> None:
    own = (await rows())[os.getpid()]
    assert own.name == "python.exe"
    assert own.path is not None and own.path.lower() == sys.executable.lower()
    assert own.user_name.endswith(f"\\{os.environ['USERNAME']}")
    assert own.status == "running" and own.error == ""
    assert own.cpu is not None and own.cpu > 0
    assert own.working_set is not None and own.working_set > 1_000_000
    assert own.private_bytes is not None and own.private_bytes > 1_000_000
    assert own.session_id is not None
    assert own.command_line is not None and " -m pytest" in own.command_line


async def test_a_childs_command_line_is_exact_and_it_names_its_parent() -> None:
    line = f'"{sys.executable}" -c "input()" a "b  c" \u00fc\u2603\U0001f600 '
    with subprocess.Popen(line, stdin=subprocess.PIPE) as child:
        before = await rows()
        row = before[child.pid]
        assert row.command_line is not None and to_units(row.command_line) == line
        assert row.parent_id == os.getpid()
        assert row.creation_time is not None and before[os.getpid()].creation_time is not None
        assert row.creation_time >= before[os.getpid()].creation_time  # type: ignore[operator]
        assert name_of(child.pid) == "python.exe"
        child.kill()
    after = await rows()
    assert child.pid not in after or after[child.pid].start_id != row.start_id


async def test_a_process_that_refuses_has_its_row_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> str:
        raise ctypes.WinError(5)

    monkeypatch.setattr(processes, "command_line", refuse)
    own = (await rows())[os.getpid()]
    assert own.name == "python.exe" and own.path is not None and own.command_line is None
    assert own.error.startswith("not all of it can be seen: ")
