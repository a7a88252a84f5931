"""What is said of files that moved: only after both sides gave the same digest."""

from dataclasses import dataclass

from commands.language import items, names
from commands.language.visible import visible
from server.live.render import messages


@dataclass(frozen=True)
class _File:
    name: str
    verb: str
    size: int
    sha256: str
    sftp: str


class Moved:
    """The files of one command, told at its good end."""

    def __init__(self, device: str | None, session: str | None) -> None:
        self.device, self.session = device or "the device", session
        self.evidence = ""
        self._files: list[_File] = []
        self._name = ""

    def into(self, item: items.Into) -> None:
        self._name = _last_part(item.name)
        self.evidence = self._name

    def taken(self, item: items.Taken) -> None:
        place = f"/evidence/{self.session}/{visible(self.evidence)}" if self.session else ""
        self._files.append(_File(self._name, "taken", item.size, item.sha256, place))

    def written(self, item: items.Written) -> None:
        name = names.shown(item.path)
        self._files.append(_File(name, "written", item.size, item.sha256, ""))

    def lines(self, took: float | None, number: int | None, terminal: bool) -> list[str]:
        """Name, size and digest of each; the number after the last."""
        lines: list[str] = []
        for at, file in enumerate(self._files, 1):
            last = at == len(self._files) and terminal
            time = [messages.duration(took)] if last and took is not None else []
            mark = [f"#{number}"] if last and number is not None else []
            first = f"{file.name} {file.verb}: {file.size:,} bytes"
            same = f"same digest on {self.device} and here"
            lines.append(", ".join([first, *time, same, *mark]))
            lines.append(f"sha256 {file.sha256}")
            if file.sftp:
                lines.append(f"sftp   {file.sftp}")
        return lines


def _last_part(name: names.Name) -> str:
    """The file's own name, without its folders, visible."""
    return names.shown(name).replace("\\", "/").rstrip("/").rpartition("/")[2]
