"""`you~NAME@broker` on Windows: cmd.exe runs the line, as Windows' own OpenSSH has it."""

import hashlib
import os

import pytest

from tests.windows.live import Live, Ran

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
]


def there(live: Live, line: str, given: bytes = b"") -> Ran:
    """One line on the device."""
    return live.client(
        "ssh", "-T", "-o", f"User=alice~{live.device}", "fireline", line, given=given
    )


def test_a_line_runs_in_cmd_with_its_own_status_and_both_outputs(live: Live) -> None:
    ran = there(live, "echo out& echo no>&2& cd& exit 7")
    assert (ran.status, ran.err) == (7, "no\r\n")
    said, folder = ran.out.splitlines()
    assert said == "out" and folder.lower().startswith("c:\\users\\")


def test_what_is_quoted_reaches_cmd_as_it_was_typed(live: Live) -> None:
    ran = there(live, 'if "a b"=="a b" echo it is "it\'s" %OS%')
    assert (ran.status, ran.out) == (0, 'it is "it\'s" Windows_NT\r\n')


def test_standard_input_reaches_the_line(live: Live) -> None:
    ran = there(live, "more", b"one\r\ntwo\r\n")
    assert (ran.status, ran.out) == (0, "one\r\ntwo\r\n")


def test_bytes_of_any_kind_reach_a_program_unchanged(live: Live) -> None:
    python = next(
        row["path"]
        for row in live.rows(f"on {live.device} processes")
        if row["name"] == "python.exe"
    )
    data = os.urandom(1 << 20) + b"\r\n\x1a\n\0"
    code = "import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    ran = there(live, f'{python} -I -S -c "{code}"', data)
    assert (ran.status, ran.out) == (0, hashlib.sha256(data).hexdigest() + "\r\n")


def test_several_lines_are_refused_for_cmd_would_run_the_first_alone(live: Live) -> None:
    ran = there(live, "echo one\necho two")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("refused: ") and "cmd.exe runs one line" in ran.err


def test_without_a_command_it_is_the_shell(live: Live) -> None:
    words = ("-T", "-o", f"User=alice~{live.device}", "fireline")
    ran = live.client("ssh", *words, given=b"exit 4\r\n")  # one: Wine's cmd.exe takes no more
    assert (ran.status, ran.out) == (4, "")


def test_exec_is_a_word_of_the_console_too(live: Live) -> None:
    ran = live.on("exec echo said& exit 5")
    assert (ran.status, ran.out, ran.err) == (5, "said\r\n", "")
