"""How the guard's program loads its modules, in an interpreter of its own."""

import os
import subprocess
import sys

import pytest


def printed(*lines: str) -> list[str]:
    """What a fresh interpreter prints, in words."""
    words = [sys.executable, "-I", "-c", "\n".join(lines)]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return answer.stdout.split()


LOADED = ("import os, sys", "from endpoint_shim.guard_start import load", "load()")


def test_what_a_guard_does_not_need_is_not_loaded_at_its_start() -> None:
    loaded = set(printed(*LOADED, "print(*sys.modules)"))
    assert "endpoint_shim.isolation" in loaded
    assert loaded & {"email", "zipfile", "psutil", "commands.run"} == set()


@pytest.mark.skipif(sys.platform == "win32", reason="schedulers are Linux's")
def test_once_it_is_loaded_it_is_as_ordinary_as_everything_else() -> None:
    lines = ("import gc", "print(os.sched_getscheduler(0) & 3, gc.isenabled())")
    assert printed(*LOADED, *lines) == [str(os.SCHED_OTHER), "True"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="real time needs root")
def test_while_it_loads_it_is_before_all_that_are_ordinary() -> None:
    # Seen by the first module that the guard imports of ours.
    seen = (
        "class Seen:",
        "    def find_spec(self, name, path=None, target=None):",
        "        if name == 'endpoint_shim.guard':",
        "            print(os.sched_getscheduler(0) & 3)",
        "sys.meta_path.insert(0, Seen())",
    )
    assert printed(LOADED[0], *seen, *LOADED[1:]) == [str(os.SCHED_RR)]
