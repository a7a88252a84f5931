"""How `fireline serve` loads its modules, in an interpreter of its own."""

import subprocess
import sys


def printed(*lines: str) -> str:
    """What a fresh interpreter prints that has loaded the broker as its program does."""
    program = [
        "import gc, sys",
        "ran = []",
        "see = lambda name, about: ran.append(about[0]) if name == 'subprocess.Popen' else None",
        "sys.addaudithook(see)",
        "from server.operator.loading import loading",
        "with loading():",
        "    import server.operator.serve",
        *lines,
    ]
    words = [sys.executable, "-I", "-c", "\n".join(program)]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return answer.stdout


def test_no_other_program_is_run() -> None:
    assert printed("print(ran)") == "[]\n"


def test_every_algorithm_that_the_door_names_is_there() -> None:
    kex = printed(
        "from asyncssh.kex import get_kex_algs",
        "from server.doors.algorithms import KEX",
        "print({name.encode() for name in KEX} - set(get_kex_algs()))",
    )
    macs = printed(
        "from asyncssh.mac import get_mac_algs",
        "from server.doors.algorithms import MACS",
        "print({name.encode() for name in MACS} - set(get_mac_algs()))",
    )
    assert (kex, macs) == ("set()\n", "set()\n")


def test_libraries_are_found_and_garbage_is_looked_for_again_once_it_is_loaded() -> None:
    found = printed(
        "import ctypes.util",
        "print(ctypes.util.find_library('c'))",
        "print(gc.isenabled(), gc.get_freeze_count() > 10_000)",
    )
    assert found.split() == ["libc.so.6", "True", "True"]
