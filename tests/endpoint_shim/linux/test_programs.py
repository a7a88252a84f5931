"""Scripts and programs: how they are started, what they get, how their output and they end."""

import asyncio
import os
import platform
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.errors import Failed, FirelineError, Refused
from commands.language.host.programs import Program
from commands.language.names import Name
from endpoint_shim.groups import Group
from endpoint_shim.linux import proc
from endpoint_shim.linux.groups import open_groups
from endpoint_shim.linux.programs import LinuxPrograms

WRITE = "1 " if platform.machine() == "x86_64" else "64 "
"""The number of write(2) in /proc/PID/syscall."""


@pytest.fixture
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """A command's own group, ended and removed afterwards."""
    worker = open_groups(tmp_path_factory.mktemp("state")).worker(1)
    with worker.inside():
        pass
    command = worker.under("c1")
    # A command's group stands under its worker's; tests hop back to where they came from.
    command._home = worker._home  # type: ignore[attr-defined]
    yield command
    command.kill()
    while not worker.remove():
        os.sched_yield()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def script(folder: Path, name: str, text: str | bytes) -> Name:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, 0o600)
    return Name(str(path))


async def started(folder: Path, group: Group, path: Name, *arguments: str) -> Program:
    return await LinuxPrograms(Name(str(folder)), group).start(path, arguments)


async def ran(folder: Path, group: Group, path: Name, *arguments: str) -> tuple[int, bytes, bytes]:
    program = await started(folder, group, path, *arguments)
    out = {"stdout": b"", "stderr": b""}
    async for where, data in program.output():
        out[where] += data
    return await program.wait(), out["stdout"], out["stderr"]


async def all_gone(program: Program) -> None:
    """The kernel takes a moment to end what was killed."""
    while await program.left():
        await asyncio.to_thread(os.sched_yield)


async def test_a_script_runs_by_its_first_line_without_an_execute_bit(
    folder: Path, group: Group
) -> None:
    path = script(folder, "x", "#!/bin/sh -e\necho out\necho err >&2\nexit 7\n")
    assert await ran(folder, group, path) == (7, b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bom", b"\xef\xbb\xbf#!/bin/bash\n[[ 1 ]] && echo yes\n"),
        ("blank", b"\n \r\n#!/bin/bash\n[[ 1 ]] && echo yes\n"),
        ("crlf.py", b"#!/usr/bin/env python3\r\nprint('yes')\r\n"),
        ("by-ending.sh", b"[[ 1 ]] && echo yes\n"),
        ("by-ending.PY", b"print('yes')\n"),
        ("-rf", b"#!/bin/bash\necho yes\n"),
        ("--help.sh", b"echo yes\n"),
        ('it\'s $HOME "x" [1].sh', b"echo yes\n"),
    ],
)
async def test_scripts_of_every_form_run(
    folder: Path, group: Group, name: str, text: bytes
) -> None:
    status, out, _ = await ran(folder, group, script(folder, name, text))
    assert (status, out) == (0, b"yes\n")


async def test_a_program_is_made_startable_and_started(folder: Path, group: Group) -> None:
    path = script(folder, "-echo", Path(shutil.which("echo") or "/bin/echo").read_bytes())
    assert await ran(folder, group, path, "a  b", "") == (0, b"a  b \n", b"")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("notes", b"hello\n", "is text: no program of this system, and neither a #! line"),
        ("x.exe", b"MZ" + bytes(100), "is DOS or Windows program"),
        ("x.sh", "echo hi\n".encode("utf-16"), "is UTF-16 text"),
        ("empty", b"", "is empty"),
        ("x.pl", b"#!/opt/none/perl\n", "interpreter /opt/none/perl, which is not on this device"),
        ("y", b"#!env\n", "interpreter env"),
    ],
)
async def test_what_cannot_run_is_refused_saying_what_it_is(
    folder: Path, group: Group, name: str, text: bytes, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        await started(folder, group, script(folder, name, text))
    assert words in str(refused.value)


async def test_arguments_arrive_to_the_byte(folder: Path, group: Group) -> None:
    path = script(folder, "args.py", "import os,sys\nfor a in sys.argv[1:]: print(ascii(a))\n")
    given = [
        '{"a": "C:\\\\x \\"y\\""}',
        "",
        " ",
        "\t",
        "! & ; | $HOME % * ^ `x`",
        "ö€😀",
        "C:\\d\\",
    ]
    given += ["-sw", "--noargs", "it's", "a\nb", "x" * 100_000]
    status, out, err = await ran(folder, group, path, *given)
    assert (status, err) == (0, b"")
    assert out.decode().splitlines() == [ascii(one) for one in given]


async def test_arguments_that_cannot_be_given_are_refused_before_the_start(
    folder: Path, group: Group
) -> None:
    path = script(folder, "x.sh", "touch started\n")
    with pytest.raises(Refused, match="argument 2 holds a NUL"):
        await started(folder, group, path, "a", "b\0c")
    with pytest.raises(Failed, match="131,071"):
        await started(folder, group, path, "x" * 200_000)
    assert not (folder / "started").exists()


async def test_the_environment_is_a_login_and_nothing_more(
    folder: Path, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", "1")
    path = script(folder, "x.py", "import os\nprint(dict(os.environ), os.getcwd(), os.umask(0))\n")
    _, out, _ = await ran(folder, group, path)
    environ = eval(out.decode().split("}")[0] + "}")
    names = {"HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "TERM", "TMPDIR", "PWD"}
    assert set(environ) - {"LC_CTYPE"} == names
    assert environ["TERM"] == "dumb" and environ["LANG"] == "C.UTF-8"
    assert environ["PWD"] == environ["TMPDIR"] == str(folder)
    assert out.decode().split("} ")[1].split() == [str(folder), str(0o022)]


async def test_input_is_at_its_end_and_no_handle_is_passed_on(folder: Path, group: Group) -> None:
    text = "read x || echo end\nls /proc/self/fd | wc -l\n"
    leaked = os.open(".", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    status, out, _ = await ran(folder, group, script(folder, "x.sh", text))
    os.close(leaked)
    # 0, 1, 2 and the one that lists.
    assert out.split() == [b"end", b"4"]
    assert status == 0


async def test_all_of_12_mb_without_a_newline_arrives(folder: Path, group: Group) -> None:
    text = "import sys\nsys.stdout.write('0123456789' * 1_200_000)\nsys.stderr.write('e' * 99)\n"
    status, out, err = await ran(folder, group, script(folder, "x.py", text))
    assert (status, len(out), out[-10:], err) == (0, 12_000_000, b"0123456789", b"e" * 99)


async def test_bytes_that_are_no_text_arrive_as_they_are(folder: Path, group: Group) -> None:
    _, out, _ = await ran(folder, group, script(folder, "x.sh", r"printf '\xff\xfea\0\x8a\r\n'"))
    assert out == b"\xff\xfea\0\x8a\r\n"


async def test_output_that_nobody_reads_stops_the_program(folder: Path, group: Group) -> None:
    text = "import os\nn = 0\nwhile n < 10_000_000:\n"
    text += "    open('n', 'w').write(str(n))\n    n += os.write(1, b'x' * 4096)\n"
    program = await started(folder, group, script(folder, "x.py", text))
    output = program.output()
    size = len((await anext(output))[1])
    async with asyncio.timeout(20):
        await asyncio.to_thread(_blocked_in_a_write, program.pid)
    assert int((folder / "n").read_text()) < 1_000_000
    async for _, data in output:
        size += len(data)
    assert size >= 10_000_000 and await program.wait() == 0


def _blocked_in_a_write(pid: int) -> None:
    """Until the process stands in the very same write(2) for 200 looks, some 0.2 s."""
    seen, before = 0, ""
    while seen < 200:
        now = Path(f"/proc/{pid}/syscall").read_text() + str(proc.stat(pid).cpu)
        seen = seen + 1 if now == before and now.startswith(WRITE) else 0
        before = now
        os.sched_yield()
        select.select([], [], [], 0.001)


async def test_it_ends_with_the_main_process_whoever_holds_the_pipes(
    folder: Path, group: Group
) -> None:
    path = script(folder, "x.sh", "sleep 600 &\necho started\n")
    program = await started(folder, group, path)
    async with asyncio.timeout(10):
        out = [data async for _, data in program.output()]
        assert (b"".join(out), await program.wait()) == (b"started\n", 0)
    # Right after its fork it is still called bash.
    assert [line.split()[1] in ("sleep", "bash") for line in await program.left()] == [True]
    await program.kill()
    async with asyncio.timeout(10):
        await all_gone(program)


async def test_a_daemon_that_floods_the_pipe_does_not_keep_it_open(
    folder: Path, group: Group
) -> None:
    path = script(folder, "x.sh", "setsid yes &\necho started\n")
    program = await started(folder, group, path)
    async with asyncio.timeout(10):
        async for _ in program.output():
            pass
    await program.kill()


async def test_a_signal_is_a_negative_status(folder: Path, group: Group) -> None:
    path = script(folder, "x.sh", "kill -SEGV $$\n")
    assert (await ran(folder, group, path))[0] == -signal.SIGSEGV


async def test_an_interrupt_reaches_everything_and_cleaning_up_may_still_write(
    folder: Path, group: Group
) -> None:
    text = (
        "trap 'head -c 500000 /dev/zero; echo tidy > tidied; exit 5' INT\n"
        "echo ready\nwhile :; do sleep 0.1; done\n"
    )
    program = await started(folder, group, script(folder, "x.sh", text))
    output = program.output()
    assert (await anext(output))[1] == b"ready\n"
    await output.aclose()  # type: ignore[attr-defined]
    async with asyncio.timeout(10):
        await program.interrupt()
        assert await program.wait() == 5
    assert (folder / "tidied").exists()


async def test_what_ignores_an_interrupt_is_ended_by_force_with_all_it_started(
    folder: Path, group: Group
) -> None:
    text = (
        "trap '' INT TERM HUP\nsetsid setsid sleep 600 &\necho ready\nwhile :; do sleep 1; done\n"
    )
    program = await started(folder, group, script(folder, "x.sh", text))
    assert (await anext(program.output()))[1] == b"ready\n"
    await program.interrupt()
    assert len(await program.left()) >= 1
    await program.kill()
    async with asyncio.timeout(10):
        assert await program.wait() == -signal.SIGKILL
        await all_gone(program)


async def test_an_interrupt_works_even_if_the_worker_was_started_ignoring_it(
    folder: Path, group: Group
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        program = await started(folder, group, script(folder, "x.py", "input() or 0\n"))
        await program.wait()
        path = script(folder, "y.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
        program = await started(folder, group, path)
        assert (await anext(program.output()))[1] == b"ready\n"
        await program.interrupt()
        async with asyncio.timeout(10):
            assert await program.wait() != 0
    finally:
        signal.signal(signal.SIGINT, before)


async def test_a_noexec_mount_is_named_for_a_program_and_no_matter_for_a_script(
    folder: Path, group: Group
) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "none", str(folder)], check=True)
    try:
        assert (await ran(folder, group, script(folder, "x.sh", "echo ran\n")))[1] == b"ran\n"
        path = script(folder, "true", Path("/bin/true").read_bytes())
        with pytest.raises(FirelineError, match=f"{folder} is mounted noexec"):
            await started(folder, group, path)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
