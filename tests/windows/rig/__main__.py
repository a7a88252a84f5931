"""`python -m tests.windows.rig [--terminal] ARGS...`: Windows Python, in a run of its own.

Without ARGS it only builds the rig and says where. Standard input, output and error pass through
pipes, so all of them may be files; with `--terminal` they are this terminal, which a ConPTY needs.
"""

import os
import pty
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

from .build import RigMissing, built
from .running import Rig


def main(arguments: list[str]) -> int:
    try:
        build = built()
        if not arguments:
            print(build)
            return 0
        # Asked to end, unwind: the run's processes and files go with it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        with Rig(build) as rig:
            if arguments[0] == "--terminal":
                os.environ.update(rig.environment())
                return os.waitstatus_to_exitcode(pty.spawn(rig.command(arguments[1:])))
            return _piped(rig, arguments)
    except RigMissing as missing:
        print(f"windows rig: {missing}", file=sys.stderr)
        return 69
    except KeyboardInterrupt:
        return 130


def _piped(rig: Rig, arguments: list[str]) -> int:
    process = rig.python(arguments, stdin=subprocess.PIPE)
    assert process.stdin and process.stdout and process.stderr
    threading.Thread(target=_feed, args=(process.stdin,), daemon=True).start()
    outputs = [
        threading.Thread(target=_pass_on, args=(process.stdout.fileno(), 1)),
        threading.Thread(target=_pass_on, args=(process.stderr.fileno(), 2)),
    ]
    for output in outputs:
        output.start()
    try:
        return process.wait()
    finally:
        process.kill()  # what it left would hold the pipes open
        for output in outputs:
            output.join()
        process.end()


def _feed(target: IO[bytes]) -> None:
    with suppress(OSError):  # it ended before its input did
        _pass_on(0, target.fileno())
        target.close()


def _pass_on(source: int, target: int) -> None:
    while some := os.read(source, 65536):
        while some:
            some = some[os.write(target, some) :]


sys.exit(main(sys.argv[1:]))
