"""The part of the access matrix that goes through files: sftp, scp and the old scp protocol, in the
broker's tree and at a device's own door. What is allowed is done; what is not leaves nothing.
"""

from pathlib import Path
from typing import NamedTuple

from tests.journeys.access_doors import DESK, OPEN, OTHER, Doors

LISTED = "listed-here"


class Try(NamedTuple):
    """One use of a client: `word` is whose right it needs, `done` what is there then."""

    client: str
    word: str
    device: str
    line: str
    done: Path | None
    right: str | None = None


class Files:
    """What one person tries."""

    def __init__(self, doors: Doors, person: str, place: Path) -> None:
        self._doors, self._person = doors, person
        self.there, self.here = place / person / "device", place / person / "client"
        self.there.mkdir(parents=True)
        self.here.mkdir()
        for folder in (self.there, self.here):
            (folder / LISTED).write_bytes(person.encode())

    def wrong(self) -> list[str]:
        """Those that ended otherwise than the deciding function says."""
        return [said for one in self._tries() if (said := self._tried(one))]

    def _tries(self) -> list[Try]:
        there, here = self.there, self.here
        given, tries = here / LISTED, []
        for device in (OPEN, OTHER):
            tree = f"/devices/{device}/root{there}"
            tries += [
                Try("sftp", "dir", device, f"ls {tree}", None),
                Try("sftp", "getfile", device, f"get {tree}/{LISTED} {here}/got-{device}",
                    here / f"got-{device}"),
                Try("sftp", "putfile", device, f"put {given} {tree}/put-{device}",
                    there / f"put-{device}"),
                Try("sftp", "putfile", device, f"mkdir {tree}/made-{device}",
                    there / f"made-{device}"),
                Try("scp", "getfile", device, f"{{}}:{tree}/{LISTED} {here}/scp-{device}",
                    here / f"scp-{device}"),
                Try("scp -O", "putfile", device, f"{given} {{}}:{tree}/old-{device}",
                    there / f"old-{device}"),
            ]  # fmt: skip
        library = f"/library/of-{self._person}"
        return [
            *tries,
            Try("scp -O", "getfile", OPEN, f"{{}}:{tree_of(OPEN, there)} {here}/old", here / "old"),
            Try("own", "getfile", OPEN, f"get {there}/{LISTED} {here}/own", here / "own"),
            Try("own", "putfile", OPEN, f"put {given} {there}/own", there / "own"),
            Try("sftp", "library", DESK, "ls /library", None),
            Try("sftp", "library", DESK, f"put {given} {library}", None, "library:write"),
        ]

    def _tried(self, one: Try) -> str:
        """Empty where all is right."""
        door = "scp" if one.client == "scp -O" else "sftp"  # scp of today speaks sftp
        decision = self._doors.decided(self._person, one.word, one.device, door, one.right)
        status, said = self._run(one)
        there = one.done is not None and one.done.exists()
        if decision.allowed and status == 0 and there == (one.done is not None):
            return ""
        if not decision.allowed and status != 0 and not there:
            return ""
        return f"{one.client} of {self._person}: {one.line}: {status} {said}; {decision} was due"

    def _run(self, one: Try) -> tuple[int, str]:
        doors, person = self._doors, self._person
        if one.client.startswith("scp"):
            options = one.client.split()[1:]
            ran = doors.files("scp", "-q", *options, *one.line.format(person).split())
        else:
            host = f"{person}~{one.device}" if one.client == "own" else person
            ran = doors.files("sftp", "-q", "-b", "-", host, stdin=f"{one.line}\n")
        return ran.status, ran.err


def tree_of(device: str, folder: Path) -> str:
    return f"/devices/{device}/root{folder}/{LISTED}"
