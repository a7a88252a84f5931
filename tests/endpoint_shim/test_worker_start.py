"""How the worker's program loads its modules, in an interpreter of its own."""

import subprocess
import sys


def printed(*lines: str) -> str:
    """What a fresh interpreter prints that has loaded the worker as its program does."""
    program = ["import gc, sys", "from endpoint_shim.worker_start import load", "load()", *lines]
    words = [sys.executable, "-I", "-c", "\n".join(program)]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return answer.stdout


def test_what_only_some_commands_need_is_not_loaded_at_the_start() -> None:
    loaded = set(printed("print(*sys.modules)").split())
    assert "websockets.client" in loaded
    assert loaded & {"email", "zipfile", "tomllib", "commands.run"} == set()
    assert "endpoint_shim.files_service" not in loaded


def test_importlib_metadata_is_the_real_one_for_whoever_asks_it_something() -> None:
    assert printed("from importlib import metadata", "print(metadata.version('msgspec'))").strip()
    asked = ("import importlib.metadata as m", "print(m.version.__module__, m.Distribution)")
    assert "importlib.metadata" in printed(*asked)


def test_garbage_is_looked_for_again_once_it_is_loaded() -> None:
    assert printed("print(gc.isenabled(), gc.get_freeze_count() > 10_000)").split() == [
        "True",
        "True",
    ]
