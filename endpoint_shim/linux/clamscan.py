"""ClamAV's own program, where no daemon runs: it loads its signatures first (seconds), then looks
at the files of a list, in that order, and says one line of each.

A path may hold anything, so an answer is read by the path that is expected, never by its colons.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path
from typing import IO

from commands.language.errors import Failed
from endpoint_shim.groups import Group
from endpoint_shim.linux.clamd import Verdict

PLACES = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))
ERROR = b"LibClamAV Error: "
MOST = 20_000
"""Files of one start."""


def found() -> str | None:
    """The program, from places that only root writes."""
    return shutil.which("clamscan", path=PLACES)


def version(program: str) -> str:
    """As it says it."""
    asked = subprocess.run(
        [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        env={"PATH": PLACES, "LC_ALL": "C.UTF-8"}, check=False,
    )  # fmt: skip
    return asked.stdout.decode("utf-8", "replace").strip()


def scan(
    program: str, folder: Path, paths: list[bytes], group: Group, database: str = ""
) -> Generator[tuple[bytes, Verdict], None, None]:
    """A verdict for each path; a name with a line break is an error: no list holds it."""
    odd = [path for path in paths if b"\n" in path or b"\r" in path]
    for path in odd:
        yield path, Verdict(error="a name with a line break, which clamscan's list cannot hold")
    plain = [path for path in paths if path not in odd]
    if not plain:
        return
    handle, name = tempfile.mkstemp(dir=folder, prefix="scan-")
    try:
        with os.fdopen(handle, "wb") as listed:
            listed.write(b"\n".join(plain) + b"\n")
        argv = [program, "--stdout", "--no-summary", f"--file-list={name}"]
        argv += [f"--database={database}"] if database else []
        yield from _answers(argv, plain, group)
    finally:
        os.unlink(name)


def _answers(
    argv: list[str], paths: list[bytes], group: Group
) -> Generator[tuple[bytes, Verdict], None, None]:
    environment = {"PATH": PLACES, "LC_ALL": "C.UTF-8"}
    with group.inside():
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
    group.add(process.pid)
    assert process.stdout is not None and process.stderr is not None
    why: list[bytes] = []
    # Beside its answers, never between them: a line of one must not break one of the other.
    listening = threading.Thread(target=_hear, args=(process.stderr, why), daemon=True)
    listening.start()
    at = 0
    try:
        for line in process.stdout:
            while at < len(paths) and not line.startswith(paths[at] + b": "):
                if not any(line.startswith(path + b": ") for path in paths[at + 1 : at + 100]):
                    break  # a line of its own, about its signatures
                yield paths[at], Verdict(error="clamscan said nothing of it")
                at += 1
            if at < len(paths) and line.startswith(paths[at] + b": "):
                yield paths[at], _verdict(line[len(paths[at]) + 2 :].rstrip(b"\n"))
                at += 1
        status = process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.stdout.close()
        process.wait()
        listening.join()
        process.stderr.close()
    if status not in (0, 1) and at < len(paths):
        raise Failed(
            f"clamscan ended with status {status} after {at:,} of {len(paths):,} files"
            + "".join(f": {line.decode('utf-8', 'replace')}" for line in why)
        )


def _hear(stream: IO[bytes], why: list[bytes]) -> None:
    """The first error that it tells of itself; the rest is read and let go."""
    for line in iter(lambda: stream.readline(4096), b""):
        if line.startswith(ERROR) and not why:
            why.append(line.removeprefix(ERROR).strip()[:300])


def _verdict(words: bytes) -> Verdict:
    said = words.decode("utf-8", "replace")
    if said.endswith(" FOUND"):
        return Verdict(threat=said.removesuffix(" FOUND"))
    return (
        Verdict()
        if said in ("OK", "Empty file", "Excluded", "Symbolic link")
        else Verdict(error=said.removesuffix(" ERROR"))
    )
