"""Programs that lie in memory alone (memfd): newer kernels mark none, and can refuse to run any.

`vm.memfd_noexec` (Linux 6.3) is one number of the pid namespace. Raised it stays so until it is
set back: what that withholds is only the start of what was never a file.
"""

from pathlib import Path

SETTING = Path("/proc/sys/vm/memfd_noexec")
REFUSED = 2


def refuse() -> int | None:
    """From now on no memfd can be run; what the setting was. None: this kernel has none."""
    try:
        before = int(SETTING.read_bytes())
        if before < REFUSED:
            SETTING.write_text(str(REFUSED))
    except OSError:
        return None
    return before


def restore(before: int) -> bool:
    """As it was; False where the kernel keeps it until the next boot (before 6.6)."""
    try:
        SETTING.write_text(str(before))
    except OSError:
        return False
    return True
