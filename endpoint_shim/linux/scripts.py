"""Whether the script that an interpreter is given is ours, or as its package installed it."""

import contextlib
import os
import queue
from collections.abc import Iterator

from endpoint_shim.linux.cold import THREADS
from endpoint_shim.linux.enforcement import line
from endpoint_shim.linux.reader import Identity, NotYet, Reader, Script, Unread
from endpoint_shim.linux.verdicts import Judge, Key, Verdict, key_of

MOST_KNOWN = 4096
UNSEEN = "it could not be read what an interpreter was given"


class Scripts:
    """One reader for each of the threads that look."""

    def __init__(self, judge: Judge, readers: list[Reader]) -> None:
        self._judge = judge
        self._known: set[Key] = set()
        self.readers = readers
        self._free: queue.Queue[Reader] = queue.Queue(THREADS)
        for reader in readers:
            self._free.put_nowait(reader)

    def judge(self, thread: int, interpreter: Identity, verdict: Verdict) -> Verdict | None:
        """`verdict`, that on the interpreter, unless it is given what is not known; None where that
        cannot be told yet."""
        try:
            with self._reader() as reader:
                scripts = reader.scripts(thread, interpreter, verdict.interprets)
        except NotYet:
            return None
        except Unread:
            return verdict._replace(why=UNSEEN)
        for script in scripts:
            if not self._is_known(script):
                why = f"it was given {line(script.path)}, which is none of a package's"
                return Verdict(False, why)
        return verdict

    def forget(self) -> None:
        """Packages have changed."""
        self._known.clear()

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Reader]:
        try:
            reader = self._free.get_nowait()
        except queue.Empty:
            raise Unread from None
        try:
            yield reader
        finally:
            if not reader.lost:
                self._free.put_nowait(reader)

    def _is_known(self, script: Script) -> bool:
        """Only what has a known name is opened: behind any other may stand a server."""
        if not self._judge.is_known_name(script.path):
            return False
        try:
            handle = os.open(script.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            facts = os.fstat(handle)
            if (facts.st_dev, facts.st_ino) != script.identity:
                return False
            key = key_of(facts)
            if key not in self._known and self._judge.by_content(script.path, handle).may:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known.add(key)
            return key in self._known
        finally:
            os.close(handle)
