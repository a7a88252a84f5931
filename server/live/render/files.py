"""What is said of files that moved: only after both sides gave the same digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from commands.language import items, names
from commands.language.visible import visible
from server.live.render import messages


@dataclass(frozen=True)
class _File:
    name: str
    verb: str
    size: int
    sha256: str


class Kept(Protocol):
    """A file in the evidence, under the name that it has there."""

    @property
    def name(self) -> str: ...


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

    def lines(self, took: float | None, number: int | None, terminal: bool) -> list[str]:
        """Name, size and digest of each; the number after the last."""
        lines: list[str] = []
        kept = iter(self.evidence)
        for at, file in enumerate(self._files, 1):
            last = at == len(self._files) and terminal
            time = [messages.duration(took)] if last and took is not None else []
            mark = [f"#{number}"] if last and number is not None else []
            first = f"{file.name} {file.verb}: {file.size:,} bytes"
            same = f"same digest on {self.device} and here"
            lines.append(", ".join([first, *time, same, *mark]))
            lines.append(f"sha256 {file.sha256}")
            if file.verb == "taken" and self.session and (place := next(kept, None)):
                lines.append(f"sftp   /evidence/{self.session}/{visible(place.name)}")
        return lines
