"""In which of its calls a thread is held, as /proc shows the kernel's stack (proc(5), `stack`).

Only root may look, and only a kernel that is built to unwind stacks has anything to show; Linux
distributions' all are.
"""

import time

PATIENCE_S = 0.02
_LOADS = b"load_elf"
"""The kernel's readers of ELF files, while they open what a program names as its loader."""


def loads_program(thread: int) -> bool:
    """Whether the kernel opens a loader for a program that it starts; also where it shows nothing
    of itself at all."""
    if not _SHOWS:
        return True
    until = time.monotonic() + PATIENCE_S
    while True:
        # Who asks may not have gone to sleep over it yet: till then there is nothing to see.
        if stack := _stack(thread):
            return _LOADS in stack
        if time.monotonic() > until:
            return False


def _stack(thread: int | str) -> bytes:
    try:
        with open(f"/proc/{thread}/stack", "rb", buffering=0) as file:
            return file.read(16_384)
    except OSError:
        return b""


_SHOWS = bool(_stack("self"))
