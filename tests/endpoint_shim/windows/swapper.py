"""A program that swaps two names of a folder without pause, as an attacker would."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SWAP = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
one, other = (name.encode() for name in sys.argv[2:])
print(flush=True)
while True: libc.renameat2(-100, one, -100, other, 2)
"""


@contextmanager
def swapping(folder: Path, one: str, other: str) -> Iterator[None]:
    """While it is entered the two names change places."""
    words = [sys.executable, "-I", "-c", SWAP, str(folder), one, other]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as swapper:
        try:
            assert swapper.stdout is not None
            swapper.stdout.readline()
            yield
        finally:
            swapper.kill()
