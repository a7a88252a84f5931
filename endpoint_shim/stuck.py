"""What a process that does not end waits for; each platform looks in its own way."""

import sys


def mount_of(pid: int) -> str:
    """The mount that a process hangs in, or nothing where that cannot be told."""
    if sys.platform == "win32":
        return ""
    from endpoint_shim.linux.stuck import mount_of

    return mount_of(pid)


def name_of(pid: int) -> str:
    """A process's name for a list of what was left."""
    if sys.platform == "win32":
        from endpoint_shim.windows.processes import name_of
    else:
        from endpoint_shim.linux.stuck import name_of

    return name_of(pid)
