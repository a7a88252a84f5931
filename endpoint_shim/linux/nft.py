"""The `nft` program, called with fixed words and the rules on its standard input."""

import os
import subprocess

from commands.language.errors import Failed
from endpoint_shim.linux.spawn import ENVIRONMENT

PLACES = ("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft")
LIMIT_S = 10.0


def put(rules: str) -> None:
    """Gives the kernel all of `rules` in one transaction; raises Failed with nft's own sentence."""
    _run(["-f", "-"], rules)


def families(name: str) -> list[str]:
    """The families in which there is a table of that name."""
    lines = _run(["list", "tables"], "").splitlines()
    return [words[1] for line in lines if (words := line.split())[2:] == [name]]


def listed(family: str, name: str) -> str:
    """A table's rules as text: numbers as numbers, without counters."""
    return _run(["-s", "-nn", "list", "table", family, name], "")


def _run(words: list[str], rules: str) -> str:
    program = next((one for one in PLACES if os.access(one, os.X_OK)), None)
    if program is None:
        raise Failed("the program nft is not installed here; install the package nftables")
    try:
        done = subprocess.run(
            [program, *words],
            input=rules,
            capture_output=True,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
            cwd="/",
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"nft did not end within {LIMIT_S:g} s") from None
    except OSError as error:
        raise Failed(f"nft could not be started: {error.strerror}") from None
    if done.returncode:
        said = " ".join(done.stderr.split())[:500] or f"status {done.returncode}"
        raise Failed(f"nft refused: {said}")
    return done.stdout
