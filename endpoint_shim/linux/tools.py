"""The system's own programs, run to their end: a list of words, the same few variables, a limit."""

import os
import subprocess
import sys
from collections.abc import Iterable

from commands.language.errors import Failed
from endpoint_shim.linux.spawn import ENVIRONMENT

assert sys.platform != "win32"

MOST_TOLD = 500


def first(places: Iterable[str]) -> str | None:
    """The first of these programs that is here."""
    return next((one for one in places if os.access(one, os.X_OK)), None)


def ran(program: str, words: list[str], seconds: float, given: str = "") -> str:
    """What it wrote; raises Failed where it did not start, end in time, or end well."""
    name = " ".join([os.path.basename(program), *words[:1]])
    try:
        done = subprocess.run(
            [program, *words],
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
            cwd="/",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{name} did not end within {seconds:g} s") from None
    except OSError as error:
        raise Failed(f"{program} was not started: {error.strerror}") from error
    if done.returncode:
        said = " ".join((done.stderr + done.stdout).split())
        told = f": {said[:MOST_TOLD]}" if said else ""
        raise Failed(f"{name} ended with {done.returncode}{told}")
    return done.stdout
