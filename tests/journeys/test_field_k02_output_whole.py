"""Field reports k02: output that elsewhere is cut, wrapped or dropped."""

import hashlib
import re

from tests.journeys.field import DEVICE, Field
from tests.journeys.screen import Screen


def test_first_chunk_is_not_taken_for_all(field: Field) -> None:
    ran = field.script(
        "twochunks.py",
        "import os, time\nos.write(1, b'a' * 4096)\ntime.sleep(.3)\nos.write(1, b'b' * 3000)\n",
    )
    assert (ran.status, ran.out) == (0, "a" * 4096 + "b" * 3000)


def test_wrap80_without_a_terminal_no_line_is_wrapped_or_cut(field: Field) -> None:
    ran = field.script(
        "wide.sh", "printf 'x%.0s' $(seq 5000)\nprintf '\\n%-300s|%s\\n' left right\n"
    )
    assert ran.out == "x" * 5000 + "\n" + "left".ljust(300) + "|right\n"


def test_wrap80_a_terminal_has_the_client_s_width(field: Field) -> None:
    with Screen(field.house.ssh(f"shell {DEVICE}", "-t"), columns=132, rows=40) as screen:
        screen.until(r"[#$] *$")
        screen.enter("stty size")
        screen.until(r"^40 132$")
        screen.enter("exit")
        assert screen.status() == 0


def test_big_1mb_twelve_megabytes_in_one_line_are_whole(field: Field) -> None:
    field.add("big.sh", "head -c 12000000 /dev/zero | tr '\\0' z\n")
    ran = field.raw("run big.sh")
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (len(ran.stdout), ran.stdout.count(b"z")) == (12_000_000, 12_000_000)
    # The result file has them by digest.
    ended = field.house.of_kind("ended", field.session())[-1]
    assert ended["result_bytes"] >= 12_000_000 and re.fullmatch(
        r"[0-9a-f]{64}", ended["result_sha256"]
    )


def test_numbered_lines_come_to_the_last_one(field: Field) -> None:
    ran = field.script("numbered.sh", "seq -f %09.0f 300000\n")
    whole = "".join(f"{n:09}\n" for n in range(1, 300_001))
    assert hashlib.sha256(ran.out.encode()).digest() == hashlib.sha256(whole.encode()).digest()
