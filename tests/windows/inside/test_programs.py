"""Programs and batch files in Windows itself: arguments to the byte, output, and their ends."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from commands.language.errors import Refused
from commands.language.host.programs import Program
from commands.language.names import from_text
from endpoint_shim.windows.jobs import Job
from endpoint_shim.windows.kernel import ntdll
from endpoint_shim.windows.programs import WindowsPrograms

ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"
HARD = [
    "",
    "C:\\dir\\",
    "last",
    '{"File":"C:\\\\a b\\\\c.txt","Force":true}',
    "pw!!!",
    "a;b&c|d!$e",
    "%PATH%",
    "^caret",
    "tab\there",
    "line\nend",
    'trail\\\\"',
    "日本 🔥 é",
    "-x:y",
    "--",
    "*.py",
]


async def ended(program: Program) -> tuple[int, bytes, bytes]:
    got = {"stdout": b"", "stderr": b""}
    async for where, data in program.output():
        assert type(data) is bytes
        got[where] += data
    return await program.wait(), got["stdout"], got["stderr"]


async def python(folder: Path, job: Job, code: str, *more: str) -> Program:
    programs = WindowsPrograms(from_text(str(folder)), job)
    return await programs.start(from_text(sys.executable), ["-I", "-c", code, *more])


async def batch(
    folder: Path, lines: Sequence[str], *arguments: str, job: Job | None = None
) -> Program:
    (folder / "x y.cmd").write_bytes("\r\n".join(["@echo off", *lines, ""]).encode("cp850"))
    programs = WindowsPrograms(from_text(str(folder)), job or Job())
    return await programs.start(from_text("x y.cmd"), arguments)


async def test_every_argument_reaches_a_program_as_it_was_given(tmp_path: Path) -> None:
    status, out, err = await ended(await python(tmp_path, Job(), ARGUMENTS, *HARD))
    assert (status, err) == (0, b"")
    assert json.loads(out) == HARD


async def test_output_and_errors_come_apart_and_the_status_has_all_its_bits(tmp_path: Path) -> None:
    code = "import os; os.write(1, b'out'); os.write(2, b'err'); os._exit(-1073741819)"
    assert await ended(await python(tmp_path, Job(), code)) == (0xC0000005, b"out", b"err")


async def test_megabytes_arrive_whole_though_the_program_ends_at_once(tmp_path: Path) -> None:
    code = "import os; [os.write(1, b'%07d\\n' % n * 1000) for n in range(1000)]"
    status, out, _ = await ended(await python(tmp_path, Job(), code))
    assert (status, len(out)) == (0, 8_000_000)
    assert out.endswith(b"0000999\n")


async def test_standard_input_is_at_its_end_and_no_terminal(tmp_path: Path) -> None:
    code = "import sys; print(sys.stdin.isatty(), repr(sys.stdin.read()))"
    status, out, _ = await ended(await python(tmp_path, Job(), code))
    assert (status, out) == (0, b"False ''\r\n")


async def test_a_batch_file_gets_what_cmd_can_carry_and_runs_nothing_of_it(tmp_path: Path) -> None:
    given = ["a b", "x&echo no>made", "^caret", "pw!!!", "a|b", "", "C:\\d\\", "a,b;c=d"]
    shows = f'"{sys.executable}" -I -c "import sys; print(sys.argv[1:])" %1'
    lines = [":next", 'if "%~1"=="stop" exit /b 3', shows, "shift", "goto next"]
    status, out, err = await ended(await batch(tmp_path, lines, *given, "stop"))
    assert (status, err) == (3, b"")
    assert out.decode().split("\r\n")[:-1] == [str([one]) for one in given]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("bad", ['say "x"', "two\nlines", "two\rlines", "nul\0", "50%"])
async def test_what_cmd_cannot_carry_is_refused_before_the_start(tmp_path: Path, bad: str) -> None:
    with pytest.raises(Refused, match="argument 2 holds"):
        await batch(tmp_path, ["echo ran > made"], "x", bad)
    assert not (tmp_path / "made").exists()


async def test_it_returns_when_the_program_ends_and_names_what_it_left(tmp_path: Path) -> None:
    job = Job()
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)"
    )
    program = await python(tmp_path, job, code)
    async with asyncio.timeout(60):
        status, out, _ = await ended(program)
    pid = int(out)
    assert status == 0 and psutil.pid_exists(pid)
    (left,) = await program.left()
    assert left.startswith(f"{pid} python.exe (started ")
    await program.kill()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not psutil.pid_exists(pid)


async def test_a_program_is_in_its_job_before_it_can_start_anything(tmp_path: Path) -> None:
    job = Job()
    code = "import sys; print(1, flush=True); sys.stdin.read(); import time; time.sleep(600)"
    program = await python(tmp_path, job, code)
    assert job.members() == [program.pid]
    job.kill()
    assert (await ended(program))[0] == 1


async def test_the_environment_is_a_login_s_and_nothing_of_the_worker_s(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    os.environ["FIRELINE_LEAK"] = "x"
    _, out, _ = await ended(await python(tmp_path, Job(), code))
    found = json.loads(out)
    assert "FIRELINE_LEAK" not in found
    assert found["TEMP"] == found["TMP"] == str(tmp_path)
    assert {"PATH", "SYSTEMROOT", "COMSPEC"} <= {name.upper() for name in found}


async def test_the_page_of_the_output_is_the_consoles_and_utf_16_is_seen(tmp_path: Path) -> None:
    program = await python(tmp_path, Job(), "import os; os.write(1, 'größe'.encode('utf-16-le'))")
    assert (await ended(program))[0] == 0
    assert program.page("stdout") == "utf-16-le"
    assert program.page("stderr").startswith("cp")


async def test_asking_to_end_is_a_break_event_or_is_said_to_be_impossible(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n    print('asked', flush=True)\n    sys.exit(9)\n"
        "signal.signal(signal.SIGBREAK, end)\nprint('ready', flush=True)\n"
        "while True: time.sleep(0.05)"
    )
    program = await python(tmp_path, Job(), code)
    output = program.output()
    assert await anext(output) == ("stdout", b"ready\r\n")
    asked = await program.interrupt()
    # Wine has no break events for a console without a window; Windows has.
    assert asked == (not hasattr(ntdll, "wine_get_version"))
    if not asked:
        await program.kill()
    async with asyncio.timeout(30):
        assert await program.wait() == (9 if asked else 1)
