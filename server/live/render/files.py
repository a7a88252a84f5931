"""What is said of files that moved: only after both sides gave the same digest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from commands.language import items, names
from commands.language.items import Column, Row
from commands.language.visible import visible
from server.live.render import messages
from server.live.render.style import Style


@dataclass(frozen=True)
class _File:
    name: str
    verb: str
    size: int
    sha256: str


class FileRow(Row):
    """The same for a program."""

    file: Annotated[str, Column(1, identity=True)]
    what: Annotated[str, Column(1)]
    """taken, written, or that it was there already."""
    bytes: Annotated[int, Column(2, size=True)]
    sha256: Annotated[str, Column(2)]
    holes: Annotated[int, Column(wide=True)] = 0
    """Bytes of it that take no place."""
    sftp: Annotated[str, Column(3)] = ""


class FolderRow(Row):
    """Where the person stands now, for a program."""

    folder: Annotated[names.Name, Column(1, identity=True)]


class Kept(Protocol):
    """A file in the evidence, under the name that it has there."""

    @property
    def name(self) -> str: ...

    @property
    def holes(self) -> int: ...


class Moved:
    """The files of one command, told at its good end."""

    def __init__(self, device: str | None, session: str | None) -> None:
        self.device, self.session = device or "the device", session
        self.evidence: Sequence[Kept] = ()
        self._files: list[_File] = []
        self._name = ""

    def into(self, item: items.Into) -> None:
        self._name = names.shown(names.last_part(item.name))

    def taken(self, item: items.Taken) -> None:
        self._files.append(_File(self._name, "taken", item.size, item.sha256))

    def written(self, item: items.Written) -> None:
        name = names.shown(item.path)
        verb = "is there already, nothing was written" if item.already else "written"
        self._files.append(_File(name, verb, item.size, item.sha256))

    def lines(self, took: float | None, number: int | None, style: Style) -> list[str]:
        """Name, size and digest of each; the number after the last. What is copied stays whole."""
        lines: list[str] = []
        kept = iter(self.evidence)
        for at, file in enumerate(self._files, 1):
            last = at == len(self._files) and style.terminal
            time = [messages.duration(took)] if last and took is not None else []
            mark = [f"#{number}"] if last and number is not None else []
            place = self._place(file, kept)
            holes = f", {place.holes:,} of them holes" if place and place.holes else ""
            first = f"{file.name} {file.verb}: {file.size:,} bytes{holes}"
            same = f"same digest on {self.device} and here"
            told = ", ".join([first, *time, same, *mark])
            lines.append(messages.wrapped(told, style.width) if style.terminal else told)
            lines.append(f"sha256 {file.sha256}")
            if path := self._path(place):
                lines.append(f"sftp   {path}")
        return lines

    def rows(self) -> list[FileRow]:
        """Each file as a row."""
        kept = iter(self.evidence)
        return [self._row(file, self._place(file, kept)) for file in self._files]

    def _row(self, file: _File, place: Kept | None) -> FileRow:
        return FileRow(
            file=file.name,
            what=file.verb,
            bytes=file.size,
            sha256=file.sha256,
            holes=place.holes if place is not None else 0,
            sftp=self._path(place),
        )

    def _place(self, file: _File, kept: Iterator[Kept]) -> Kept | None:
        """What it became in the evidence; None for what was written to the device."""
        return next(kept, None) if file.verb == "taken" else None

    def _path(self, place: Kept | None) -> str:
        if place is None or not self.session:
            return ""
        return f"/evidence/{self.session}/{visible(place.name)}"
