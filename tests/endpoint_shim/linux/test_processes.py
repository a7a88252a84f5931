"""Process rows of hard cases, each a real process."""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands.language.host.processes import ProcessRow
from commands.language.names import from_bytes
from endpoint_shim.linux.accounts import Accounts
from endpoint_shim.linux.processes import LinuxProcesses, whole_name

SLEEP = shutil.which("sleep") or "/bin/sleep"
STAY = "import sys; print('ready', flush=True); sys.stdin.read()"


async def row_of(pid: int) -> ProcessRow:
    rows = [row async for row in LinuxProcesses().list() if row.pid == pid]
    assert len(rows) == 1
    return rows[0]


@contextmanager
def running(*argv: str, executable: str | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """A real process; Popen returns when its exec is done."""
    process = subprocess.Popen(argv, executable=executable, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def python(code: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A Python process that has said `ready` after its code."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}\n{STAY}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_this_process_is_listed_with_all_its_facts() -> None:
    row = await row_of(os.getpid())
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    ticks = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    assert row.start_id == f"{boot_id}:{ticks}"
    assert row.parent_id == os.getppid()
    assert row.user_name == "root" or os.geteuid() != 0
    assert row.path == os.path.realpath(sys.executable)
    assert row.status == "running" or row.status == "sleeping"
    assert row.session_id == os.getsid(0)
    assert row.working_set and row.private_bytes and row.working_set > row.private_bytes > 0
    assert row.creation_time is not None
    assert abs(row.creation_time / 1000 - os.stat("/proc/self").st_mtime) < 24 * 3600
    assert row.cpu is not None and abs(row.cpu - time.process_time()) < 60


async def test_a_name_with_a_newline_and_a_forged_user_is_one_row_with_the_right_user() -> None:
    code = "import ctypes, os\n"
    code += "os.setuid(65534)\n" if os.geteuid() == 0 else ""
    code += r"ctypes.CDLL(None).prctl(15, b'x\nUid:\t0 ) R', 0, 0, 0)"
    with python(code) as process:
        row = await row_of(process.pid)
    assert row.name == "x\nUid:\t0 ) R"
    assert row.user_name == ("nobody" if os.geteuid() == 0 else row.user_name)
    assert row.parent_id == os.getpid()


async def test_a_command_line_of_131_000_bytes_is_whole() -> None:
    long = "A" * 131_000 + "END"
    with python("pass", long, "", "two  words", "") as process:
        row = await row_of(process.pid)
    assert row.arguments is not None
    assert row.arguments[3:] == [long, "", "two  words", ""]
    assert row.command_line is not None and long in row.command_line
    assert row.error == ""


async def test_a_command_line_beyond_the_limit_is_cut_and_says_so() -> None:
    with python("pass", *["B" * 100_000] * 3) as process:
        row = await row_of(process.pid)
    assert row.arguments is not None and len(row.arguments) == 6
    assert "cut there" in row.error


async def test_a_long_name_comes_from_the_program_file(tmp_path: Path) -> None:
    program = tmp_path / ("n" * 200)
    shutil.copy2(SLEEP, program)
    with running(str(program), "60") as process:
        row = await row_of(process.pid)
    assert row.name == "n" * 200
    assert row.comm == "n" * 15


async def test_a_long_name_of_a_script_comes_from_its_words(tmp_path: Path) -> None:
    script = tmp_path / "a-script-with-a-long-name.sh"
    script.write_text("#!/bin/sh\nread line\n")
    script.chmod(0o755)
    with running(str(script)) as process:
        row = await row_of(process.pid)
    assert row.name == "a-script-with-a-long-name.sh"


async def test_a_deleted_program_that_calls_itself_a_kernel_thread(tmp_path: Path) -> None:
    program = tmp_path / "dropper"
    shutil.copy2(SLEEP, program)
    with running("[kworker/0:1]", "60", executable=str(program)) as process:
        program.unlink()
        row = await row_of(process.pid)
    assert (row.name, row.comm, row.deleted) == ("dropper", "dropper", True)
    assert row.path == str(program)
    assert row.command_line == "[kworker/0:1] 60"


async def test_a_file_really_called_deleted_is_not_deleted(tmp_path: Path) -> None:
    program = tmp_path / "tool (deleted)"
    shutil.copy2(SLEEP, program)
    with running(str(program), "60") as process:
        row = await row_of(process.pid)
    assert (row.path, row.deleted) == (str(program), False)


async def test_no_words_at_all_are_shown_as_none_beside_the_real_program() -> None:
    # Since 5.18 the kernel puts an empty word where a program is started with none.
    code = "import ctypes\nctypes.CDLL(None).prctl(15, b'kworker/1:2', 0, 0, 0)"
    with python(code) as process:
        row = await row_of(process.pid)
    assert row.name == "kworker/1:2"
    assert row.path == os.path.realpath(sys.executable)


async def test_words_that_are_no_text_keep_their_bytes() -> None:
    with running("sleep-\udcff", "60", executable=SLEEP) as process:
        row = await row_of(process.pid)
    assert row.arguments == [from_bytes(b"sleep-\xff"), "60"]
    assert row.command_line == "raw:sleep-%FF 60"


async def test_a_zombie_has_a_row(tmp_path: Path) -> None:
    process = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    row = await row_of(process.pid)
    process.wait()
    assert (row.status, row.path, row.error) == ("zombie", None, "")


async def test_processes_that_come_and_go_never_fail_the_list() -> None:
    churn = "import subprocess\nwhile True: subprocess.run(['/bin/true'])"
    process = subprocess.Popen([sys.executable, "-c", churn], stderr=subprocess.DEVNULL)
    try:
        for _ in range(20):
            rows = [row async for row in LinuxProcesses().list()]
            assert process.pid in {row.pid for row in rows}
    finally:
        process.kill()
        process.wait()


async def test_a_user_without_a_name_is_a_number() -> None:
    if os.geteuid() != 0:
        return
    with python("import os\nos.setuid(2_000_000_000)") as process:
        row = await row_of(process.pid)
    assert row.user_name == "2000000000"


async def test_a_slow_name_service_delays_the_list_by_its_bound_only() -> None:
    libc = ctypes.CDLL(None)
    accounts = Accounts(user=lambda uid: str(libc.sleep(30)))
    began = time.monotonic()
    rows = [row async for row in LinuxProcesses(accounts).list()]
    assert time.monotonic() - began < 10
    assert "0" in {row.user_name for row in rows}


def test_a_short_name_is_never_replaced() -> None:
    assert whole_name(b"bash", [b"/usr/bin/bash-5.2-long-name"]) == b"bash"
    assert whole_name(b"a" * 15, [b"/x/other", b"/y/" + b"a" * 20]) == b"a" * 20
    assert whole_name(b"a" * 15, [b"/x/other"]) == b"a" * 15
