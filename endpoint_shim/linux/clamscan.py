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
from endpoint_shim.linux.clamd import Verdict, judged

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
    """A verdict for each path that is still there; none holds a line break, as no list could."""
    plain = list(dict.fromkeys(paths))
    if not plain:
        return
    handle, name = tempfile.mkstemp(dir=folder, prefix="scan-")
    try:
        with os.fdopen(handle, "wb") as listed:
            listed.write(b"\n".join(plain) + b"\n")
        argv = [program, "--stdout", "--no-summary", "--alert-exceeds-max=yes"]
        argv.append(f"--file-list={name}")
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
    at, number = 0, {path: number for number, path in enumerate(paths)}
    try:
        for line in process.stdout:
            if (of := _of(line, number, at)) is None:
                continue  # a line of its own, about its signatures
            yield from _unsaid(paths[at:of])
            yield paths[of], _verdict(line[len(paths[of]) + 2 :].rstrip(b"\n"))
            at = of + 1
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
    yield from _unsaid(paths[at:])


def _of(line: bytes, number: dict[bytes, int], at: int) -> int | None:
    """Which path a line is of: the next one that is to come, of those that it begins with."""
    found, end = [], line.find(b": ")
    while end >= 0:
        if (one := number.get(line[:end], -1)) >= at:
            found.append(one)
        end = line.find(b": ", end + 1)
    return min(found, default=None)


def _unsaid(paths: list[bytes]) -> Generator[tuple[bytes, Verdict], None, None]:
    """Of files that have gone meanwhile nothing is to be said."""
    for path in paths:
        if os.path.lexists(path):
            yield path, Verdict(error="clamscan said nothing of it")


def _hear(stream: IO[bytes], why: list[bytes]) -> None:
    """The first error that it tells of itself; the rest is read and let go."""
    for line in iter(lambda: stream.readline(4096), b""):
        if line.startswith(ERROR) and not why:
            why.append(line.removeprefix(ERROR).strip()[:300])


def _verdict(words: bytes) -> Verdict:
    said = words.decode("utf-8", "replace")
    if said.endswith(" FOUND"):
        return judged(said.removesuffix(" FOUND"))
    if said.startswith("Excluded"):
        return Verdict(unseen="ClamAV's own settings (excluded)")
    known = said in ("OK", "Empty file", "Symbolic link")
    return Verdict() if known else Verdict(error=said.removesuffix(" ERROR"))
