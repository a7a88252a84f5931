"""Who is signed in, from utmp, and who signed in last, from wtmp: the newest login of each."""

import asyncio
import os
import struct
from pathlib import Path

from endpoint_shim.pipe import Found

UTMP = Path("/run/utmp")
WTMP = Path("/var/log/wtmp")
# glibc's struct utmp: type, pid, line, id, user, host, exit, session, time, address.
RECORD = struct.Struct("<hxxi32s4s32s256shhiii16s20x")
USER_PROCESS = 7
MOST = RECORD.size * 2700
"""About a megabyte, in whole records."""
WAIT_S = 0.5


async def user(utmp: Path = UTMP, wtmp: Path = WTMP) -> Found:
    """The newest logins; nothing where a file is missing or does not answer in time."""
    try:
        async with asyncio.timeout(WAIT_S):
            here = await asyncio.to_thread(_read, utmp)
            past = await asyncio.to_thread(_read, wtmp)
    except TimeoutError:
        return Found()
    last, at_s = newest(past)
    return Found(user=newest(here)[0], last_user=last, last_user_ms=at_s * 1000)


def newest(data: bytes) -> tuple[str, int]:
    """The user of the last USER_PROCESS record by time, and that time; nothing and 0 for none."""
    best, name = -1, ""
    for start in range(0, len(data) - RECORD.size + 1, RECORD.size):
        fields = RECORD.unpack_from(data, start)
        if fields[0] == USER_PROCESS and fields[9] >= best:
            best = fields[9]
            name = fields[4].split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    return name, max(best, 0)


def _read(path: Path) -> bytes:
    """The file's last records: wtmp grows at its end."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - size % RECORD.size - MOST))
            return file.read(MOST)
    except OSError:
        return b""
