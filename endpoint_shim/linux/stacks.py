"""In which of its calls a thread is held, as /proc shows the kernel's stack (proc(5), `stack`).

Only root may look, and only a kernel that is built to unwind stacks has anything to show; Linux
distributions' all are. What is not seen whole says nothing: nobody is held up for it.
"""

import time

PATIENCE_S = 0.02
_CALL = b"execve"
"""Of the call itself, the outermost: who sees it has seen all between."""
_LOADS = (b"load_elf", b"] open_exec+")
"""The kernel's reader of ELF files, while it opens what a program names as its loader."""


def is_program(thread: int) -> bool:
    """Whether what a thread asks for is seen to be the program that it starts, and not the loader
    of one."""
    if not _SHOWS:
        return False
    until = time.monotonic() + PATIENCE_S
    # Who asks may not have gone to sleep over it yet: till then there is nothing to see.
    while not (stack := _stack(thread)):
        if time.monotonic() > until:
            return False
    return says_program(stack)


def says_program(stack: bytes) -> bool:
    """Pure: of the text of such a file."""
    return _CALL in stack and not any(one in stack for one in _LOADS)


def _stack(thread: int | str) -> bytes:
    try:
        with open(f"/proc/{thread}/stack", "rb", buffering=0) as file:
            return file.read(16_384)
    except OSError:
        return b""


_SHOWS = bool(_stack("self"))
