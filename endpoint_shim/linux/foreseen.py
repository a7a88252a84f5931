"""What runs now and could not be started again under a restriction.

Also the program that finds it out (`python -I -m endpoint_shim.linux.foreseen FOLDER`): the lists
of all packages are large, and read once.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from commands.language.errors import Failed, Refused
from commands.language.names import Name, from_bytes
from endpoint_shim import restrictor
from endpoint_shim.linux.spawn import ENVIRONMENT

LIMIT_S = 30.0
MOST = 1000
_Found = list[tuple[int, bytes]]


async def not_startable(sessions: Path) -> list[tuple[int, Name]]:
    """Each process, with the path of what it runs."""
    words = ("-I", "-m", "endpoint_shim.linux.foreseen", str(sessions))
    asked = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=ENVIRONMENT, cwd="/",
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIMIT_S):
            out, _ = await asked.communicate()
    except TimeoutError:
        raise Failed(f"what runs was not told within {LIMIT_S:g} s") from None
    finally:
        if asked.returncode is None:
            asked.kill()
            await asked.wait()
    if asked.returncode != 0:
        raise Refused("neither dpkg nor rpm says here which programs are known")
    found = msgspec.msgpack.decode(out, type=_Found)
    return [(pid, from_bytes(path)) for pid, path in found]


def main() -> int:
    """`FOLDER`, where sessions lie."""
    # On demand: who only asks has no use for it.
    from endpoint_shim.linux import rpm
    from endpoint_shim.linux.enforcer import is_dpkg, packages_here
    from endpoint_shim.linux.starters import Starters
    from endpoint_shim.linux.verdicts import Judge

    if not (is_dpkg() or rpm.is_here()):
        return 1
    packages = packages_here(None if is_dpkg() else rpm.Asker())
    own = restrictor.known(Path(sys.argv[1])).own
    judge = Judge(packages, [os.fsencode(path) for path in own])
    running = Starters(judge, None).running()
    found: _Found = [(one.pid, one.path) for one in running if not one.known]
    sys.stdout.buffer.write(msgspec.msgpack.encode(found[:MOST]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
