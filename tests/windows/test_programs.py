"""`run` on Windows by a stock ssh client: arguments, output, ends, and what stays behind.

Field reports k01, k05, k06, k07, k08 and k09, in their Windows half. What PowerShell would make of
a script is not seen here: says.exe stands in for it and tells what it was given.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.field import quoted
from tests.journeys.screen import Screen
from tests.windows.live import Live, Ran
from tests.windows.rig.build import CC

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
]

SAYS = Path(__file__).parent / "programs/says.c"
POWERSHELL = "C:\\windows\\system32\\WindowsPowerShell\\v1.0\\powershell.exe"
LOOP = ["echo looping", ":a", "ping -n 2 127.0.0.1 >nul", "goto a"]


class Library:
    """Scripts given to the broker, and run on the device."""

    def __init__(self, live: Live) -> None:
        self.live = live

    def add(self, name: str, data: bytes) -> None:
        ran = self.live.ssh(f"library add {name}", data)
        assert ran.status == 0, ran.err

    def batch(self, name: str, *lines: str, page: str = "ascii") -> None:
        self.add(name, "\r\n".join(["@echo off", *lines, ""]).encode(page))

    def run(self, line: str) -> Ran:
        return self.live.on(f"run {line}")

    def lines(self, *lines: str) -> Ran:
        """In one session, by standard input."""
        return self.live.ssh(f"connect {self.live.device}", "\n".join([*lines, "exit", ""]))

    def row(self, line: str) -> dict[str, Any]:
        ran = self.run(f"{line} -output json")
        (row,) = json.loads(ran.out)
        return dict(row)

    def processes(self, name: str) -> list[dict[str, Any]]:
        rows = self.live.rows(f"on {self.live.device} processes")
        return [row for row in rows if row["name"] == name]


@pytest.fixture(scope="module")
def library(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Library:
    says = tmp_path_factory.mktemp("programs") / "says.exe"
    subprocess.run([*CC, "-municode", "-o", str(says), str(SAYS)], check=True)
    library = Library(live)
    library.add("says.exe", says.read_bytes())
    return library


@pytest.mark.parametrize(
    "value",
    [
        '{"File":"C:\\\\a b\\\\c.txt","Force":true}',
        'it\'s "both"',
        "",
        "C:\\dir\\",
        "%PATH%",
        "&|<>^",
        "é 日本 🔥",
        "-timeout",
        "x" * 20_000,
    ],
)
def test_any_text_is_one_argument_of_a_program_to_the_byte(library: Library, value: str) -> None:
    ran = library.run(f"says.exe -arg {quoted(value)} -arg last -raw")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.replace("\r\n", "\n") == f"<{value}>\n<last>\n"


def test_what_is_typed_after_the_name_is_the_programs(library: Library) -> None:
    ran = library.run('says.exe -sw 8 -parameters "/a b"')
    assert ran.out.split() == ["<-sw>", "<8>", "</a>", "<b>"]


def test_more_than_a_command_line_holds_is_refused_with_the_limit(library: Library) -> None:
    ran = library.run(f"says.exe {'x' * 40_000}")
    assert ran.status == 3 and "Windows takes at most 32,766" in ran.err


def test_a_batch_file_has_its_status_and_both_outputs(library: Library) -> None:
    library.batch("both.cmd", 'echo out "%~1"', "echo err 1>&2", "echo x>made.txt", "exit /b 3")
    ran = library.run('both.cmd "a b&echo no"')
    assert (ran.status, ran.out.split("\n")[0].strip()) == (1, 'out "a b&echo no"')
    assert ran.err.startswith("err") and "made.txt 3 bytes" in ran.err
    assert "both.cmd v1 ended with exit code 3" in ran.err
    assert library.row("both.cmd")["exit_code"] == 3


def test_what_cmd_cannot_carry_is_refused_and_nothing_runs(library: Library) -> None:
    library.batch("never.cmd", "echo ran")
    for bad in ('{"a":1}', "%PATH%"):
        ran = library.run(f"never.cmd -arg {quoted(bad)}")
        assert (ran.status, ran.out) == (3, "")
        assert "which cmd.exe cannot carry to a batch file" in ran.err


@pytest.mark.parametrize(("page", "words"), [(850, "è é ç ñ ü Ö ø"), (866, "Администраторы")])
def test_letters_of_the_consoles_page_are_letters(library: Library, page: int, words: str) -> None:
    library.add(f"letters{page}.txt", f"{words}\r\n".encode(f"cp{page}"))
    library.batch(f"letters{page}.cmd", f"chcp {page} >nul", f"type letters{page}.txt")
    ran = library.lines(f"putfile letters{page}.txt", f"run letters{page}.cmd")
    assert ran.status == 0 and words in ran.out.splitlines()


def test_the_next_program_has_the_systems_page_again(library: Library) -> None:
    library.batch("pages.cmd", "chcp")
    library.batch("other.cmd", "chcp 866")
    ran = library.lines("run pages.cmd", "run other.cmd", "run pages.cmd")
    assert ran.status == 0, ran.err
    first, other, again = re.findall(r"code page: (\d+)", ran.out)
    assert first == again != other == "866"


def test_a_powershell_script_gets_its_arguments_and_the_mark_that_it_needs(
    library: Library,
) -> None:
    put = library.live.on(f"putfile says.exe -path {POWERSHELL} -overwrite")
    assert put.status == 0, put.err
    library.add("umlaut.ps1", "[int][char]'ö'\r\n".encode())
    ran = library.run("""umlaut.ps1 -Days 2 -arg '{"a b":1}' -arg ''""")
    given = re.findall(r"<(.*)>", ran.out)
    assert given[:5] == ["-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File"]
    assert given[5].endswith("\\umlaut.ps1") and given[6:] == ["-Days", "2", '{"a b":1}', ""]
    assert ran.err.splitlines()[0].startswith("umlaut.ps1 is UTF-8 without a byte-order mark")
    assert "efbbbf5b696e745d" in ran.err and "ended with exit code 5" in ran.err
    assert "files it wrote" not in ran.err


def test_a_mark_before_a_batch_file_is_taken_away_and_utf_16_is_refused(library: Library) -> None:
    library.add("marked.cmd", b"\xef\xbb\xbf@echo off\r\necho ran\r\n")
    ran = library.run("marked.cmd")
    assert (ran.status, ran.out.strip()) == (0, "ran")
    assert "begins with a byte-order mark" in ran.err
    library.add("wide.cmd", "@echo off\r\n".encode("utf-16"))
    assert "UTF-16, which cmd.exe does not read" in library.run("wide.cmd").err


def test_a_file_that_nothing_runs_is_refused_by_what_it_is(library: Library) -> None:
    library.add("notes.txt", b"hello\n")
    ran = library.run("notes.txt")
    assert ran.status == 3 and "notes.txt is text: no program of this system" in ran.err
    library.add("broken.exe", b"MZ" + bytes(100))
    ran = library.run("broken.exe")
    assert ran.status == 1 and "broken.exe was not started: " in ran.err


def test_what_is_left_running_is_named_and_ended(library: Library) -> None:
    library.batch("left.cmd", "start /b ping -n 600 127.0.0.1 >nul", "echo started")
    ran = library.run("left.cmd")
    assert (ran.status, ran.out.strip()) == (0, "started")
    assert re.search(r"and these were ended: \d+ ping.exe \(started \d{4}-", ran.err)
    assert library.processes("ping.exe") == []


def test_what_is_left_on_purpose_goes_on_after_the_session(library: Library) -> None:
    library.batch("stays.cmd", "start /b ping -n 600 127.0.0.1 >nul")
    ran = library.run("stays.cmd -leave")
    assert ran.status == 0 and "left running, as asked: " in ran.err
    (ping,) = library.processes("ping.exe")
    assert f"{ping['pid']} ping.exe (started " in ran.err
    library.batch("end.cmd", f"taskkill /f /pid {ping['pid']}")
    assert library.run("end.cmd").status == 0
    assert library.processes("ping.exe") == []


def test_a_time_out_ends_all_of_it_and_says_how(library: Library) -> None:
    library.batch("loop.cmd", *LOOP)
    ran = library.run("loop.cmd -timeout 1 -grace 1")
    assert ran.status == 124
    assert "loop.cmd was killed, for it cannot be asked, after 1 s, with all it had" in ran.err
    assert library.processes("ping.exe") == []


def test_ctrl_c_ends_a_running_batch_file_and_leaves_nothing(library: Library) -> None:
    library.batch("loop.cmd", *LOOP)
    live = library.live
    console = ["ssh", "-t", "-F", str(live.state / "ssh_config"), "fireline"]
    with Screen([*console, f"connect {live.device}"]) as screen:
        screen.until(rf"^{live.device} .*>$", 60)
        screen.enter("run loop.cmd")
        screen.until("^looping$", 60)
        screen.type("\x03")
        screen.until(r"^cancelled: run stopped on ", 60)
        screen.enter("exit")
        screen.status(30)
    assert library.processes("ping.exe") == [] and library.processes("cmd.exe") == []
