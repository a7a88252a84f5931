"""Checking the files beside the records: recording, results, evidence. Runs in threads."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from commands.language.visible import visible
from server.audit import clock
from server.audit.chunks import COMMIT, Chunk, Kind, Reader
from server.audit.facts import Expected, Facts
from server.audit.folders import Folders
from server.audit.sealing import Recovery
from server.audit.sparse_files import sha256_of
from server.audit.syncing import Position


class Finding(NamedTuple):
    """Something wrong, and where; `order` sorts it (records come first, by seq)."""

    order: tuple[int, int, str]
    where: str
    what: str


class Checked(NamedTuple):
    """What a look at the files gave: damage, and what is worth saying though it is none."""

    findings: list[Finding]
    notes: list[str]
    counts: list[str]


def finding(place: int, where: str, what: str, number: int = 0) -> Finding:
    """A finding about a file."""
    return Finding((place, number, where), where, what)


class _Recording:
    """One walk over a recording."""

    def __init__(self, path: Path, opened_at: str) -> None:
        self.path = path
        self.opened_at = opened_at
        self.found: list[str] = []
        self.notes: list[str] = []
        self.commits = 0
        self._recent: deque[Position] = deque()

    def walk(self, pinned: Position | None, at_least: Position | None) -> None:
        reader = Reader(self.path, past_damage=True)
        self._recent.append(Position(0, reader.tail.chain))
        reached = at_least is None
        for chunk in reader:
            while reader.damage:
                self._damaged(reader.damage.pop())
            if chunk.kind is Kind.COMMIT:
                self._commit(chunk)
            elif chunk.kind is Kind.RECOVERED:
                self._recovered(chunk)
            position = Position(chunk.end, chunk.chain)
            reached = reached or position == at_least
            self._recent.append(position)
        end, head, what = reader.tail
        if what == "changed" or (what == "torn" and at_least is None):
            self.found.append(f"cannot be read beyond byte {end:,}")
        if pinned is not None and (end, head) != pinned:
            self._not_pinned(end, pinned)
        if not reached and at_least is not None:
            self.found.append(f"ends before byte {at_least.offset:,}, which was written")

    def _damaged(self, chunk: Chunk) -> None:
        at = "unknown time"
        if self.opened_at and chunk.ms < 1 << 40:
            at = clock.told(clock.ms(self.opened_at) + chunk.ms)
        kind = chunk.kind.name.lower().replace("_", " ")
        self.found.append(f"changed before byte {chunk.end:,}: {kind}, {at}")

    def _commit(self, chunk: Chunk) -> None:
        self.commits += 1
        if len(chunk.data) != COMMIT.size:
            self.found.append(f"the commit before byte {chunk.end:,} says nothing")
            return
        said = Position(*COMMIT.unpack(chunk.data))
        while self._recent and self._recent[0].offset < said.offset:
            self._recent.popleft()
        if not self._recent or self._recent[0] != said:
            self.found.append(f"does not agree with its commit before byte {chunk.end:,}")

    def _recovered(self, chunk: Chunk) -> None:
        try:
            told = msgspec.json.decode(chunk.data, type=Recovery)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.found.append(f"the recovery before byte {chunk.end:,} says nothing")
            return
        note = f"gap in the recording at byte {told.offset:,}: the broker was killed"
        if told.cut:
            note += f"; a torn end of {told.cut:,} bytes was cut"
        self.notes.append(f"{note}; {told.beyond_commit:,} bytes after the last commit kept")

    def _not_pinned(self, end: int, pinned: Position) -> None:
        if not pinned.head:
            if not self.found:
                self.found.append("is not what the next broker found after the last was killed")
        elif end < pinned.offset:
            self.found.append(f"its last {pinned.offset - end:,} bytes are missing")
        elif end > pinned.offset:
            self.found.append(f"{end - pinned.offset:,} bytes were added after its end")
        elif not self.found:
            self.found.append("changed and chained again: the session's end names another head")


def check_recording(path: Path, facts: Facts, at_least: Position | None) -> Checked:
    """The chain, the commits, and the end that the session's last record names."""
    if not path.exists():
        return Checked([finding(1, "recording", "missing")], [], ["no recording"])
    pinned = None
    if facts.ended is not None:
        head = facts.ended.recording_head
        pinned = Position(facts.ended.recording_bytes, bytes.fromhex(head) if _hex(head) else b"")
    walked = _Recording(path, facts.opened_at)
    walked.walk(pinned, at_least)
    counts = [f"recording whole, {path.stat().st_size:,} bytes, {walked.commits} commits"]
    found = [finding(1, "recording", what, at) for at, what in enumerate(walked.found)]
    return Checked(found, walked.notes, counts)


def check_results(folders: Folders, session: str, facts: Facts, live: bool) -> Checked:
    """Each result file against its command's end record."""
    found = []
    same = 0
    for number, expected in sorted(facts.results.items()):
        path = folders.result(session, number)
        if not expected.sha256 and not path.exists():
            continue
        what = _compare(path, expected)
        if what:
            found.append(finding(2, f"result #{number}", what + _where_broken(path), number))
        else:
            same += 1
    # A torn end that recovery cut off lies beside its file and proves nothing.
    named = {folders.result(session, number).name for number in facts.results}
    for name in _listed(folders.results(session)):
        if name not in named and not live and not name.endswith(".torn"):
            found.append(finding(2, f"result {visible(name)}", "no record names it"))
    return Checked(found, [], [_counted(same, "result")] if same else [])


def check_evidence(folders: Folders, session: str, facts: Facts, live: bool) -> Checked:
    """Each file taken against the record that says so."""
    folder = folders.evidence(session)
    found = []
    same = 0
    for name, expected in sorted(facts.evidence.items()):
        where = f"evidence {visible(name)}"
        if Path(name).name != name or name in (".", ".."):
            found.append(finding(3, where, "is no plain name"))
            continue
        what = _compare(folder / name, expected)
        if what:
            found.append(finding(3, where, what))
        else:
            same += 1
    for name in _listed(folder):
        if name not in facts.evidence and not live:
            found.append(finding(3, f"evidence {visible(name)}", "no record names it"))
    return Checked(found, [], [_counted(same, "file")] if same else [])


def _compare(path: Path, expected: Expected) -> str:
    """What differs, or nothing."""
    if not path.is_file() or path.is_symlink():
        return "missing"
    size = path.stat().st_size
    if size != expected.bytes:
        return f"changed: {size:,} bytes, recorded {expected.bytes:,}"
    with path.open("rb") as file:
        if sha256_of(file.fileno()) != expected.sha256:
            return "changed: another sha256 than recorded"
    return ""


def _where_broken(path: Path) -> str:
    if not path.is_file():
        return ""
    reader = Reader(path)
    for _ in reader:
        pass
    end, _, what = reader.tail
    return f", broken at byte {end:,}" if what else ""


def _listed(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from sorted(path.name for path in folder.iterdir())


def _counted(count: int, what: str) -> str:
    return f"{count} {what} same" if count == 1 else f"{count} {what}s same"


def _hex(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
