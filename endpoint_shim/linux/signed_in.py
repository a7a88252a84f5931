"""Who is signed in, from utmp: the login that is newest."""

import asyncio
import struct
from pathlib import Path

UTMP = Path("/run/utmp")
# glibc's struct utmp: type, pid, line, id, user, host, exit, session, time, address.
RECORD = struct.Struct("<hxxi32s4s32s256shhiii16s20x")
USER_PROCESS = 7
MAX_FILE = 1024 * 1024
WAIT_S = 0.5


async def user() -> str:
    """The name of the newest login; nothing where utmp is missing or does not answer in time."""
    try:
        async with asyncio.timeout(WAIT_S):
            return newest(await asyncio.to_thread(_read))
    except (OSError, TimeoutError):
        return ""


def newest(data: bytes) -> str:
    """The user of the last USER_PROCESS record by time."""
    best, name = -1, ""
    for start in range(0, len(data) - RECORD.size + 1, RECORD.size):
        fields = RECORD.unpack_from(data, start)
        if fields[0] == USER_PROCESS and fields[9] >= best:
            best = fields[9]
            name = fields[4].split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    return name


def _read() -> bytes:
    with UTMP.open("rb") as file:
        return file.read(MAX_FILE)
