"""What a device says in answer to one command, held against what was asked; pure.

1. A word yields what its declaration gives it: rows where it has `rows`, bytes where it has
   `text`, one file where `most` bounds it, what takes it back where it `changes` the device, a
   Folder or a Written where `yields` names it. Progress, Note and Done are everybody's.
2. What names the thing that was asked for must name that one: `DeviceCommand.differs` says so.
3. A word that yields a file, a Folder or a Written has no good end without it.
"""

import msgspec

from commands.language import items
from commands.language.command import Command, DeviceCommand, Spec, TerminalCommand
from commands.language.names import Name

WITHOUT = {
    items.Taken: "no file",
    items.Written: "not what it wrote",
    items.Folder: "no folder",
}


class Claims:
    """Of one command, from its start on; every item is shown to it before it is taken."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._spec: Spec = type(command).spec
        self._once: set[type[items.Sent]] = set()
        self._begun = False
        self.folder = Name("")
        """Where the command's relative paths are seen from."""

    def check(self, item: items.Sent) -> None:
        """Raises msgspec.ValidationError for what this command cannot have yielded."""
        if not _may(self._spec, item) and not self._says_which(item):
            raise _wrong(f"{self._spec.word} gives no {_kind(item)}")
        if isinstance(item, items.Into) and item.where == "file":
            if self._begun:
                raise _wrong("a second file")
            if item.holes > (item.size or 0):
                raise _wrong(f"{item.holes:,} bytes of holes in a file of {item.size or 0:,}")
            self._begun = True
        if isinstance(item, items.Hole):
            self._check_part("a hole")
            if not self._begun:
                raise _wrong("a hole in a file that was not begun")
        if isinstance(item, items.Taken) and not self._begun:
            raise _wrong("the end of a file that was not begun")
        if isinstance(item, items.Taken | items.Written | items.Folder):
            if type(item) in self._once:
                raise _wrong(f"a second {_kind(item)}")
            self._once.add(type(item))
        if isinstance(item, items.Done) and item.code == "done":
            self._check_whole()
        about = self._command
        if isinstance(about, DeviceCommand) and (differs := about.differs(item, self.folder)):
            raise _wrong(differs)

    def _says_which(self, item: items.Sent) -> bool:
        """A shell without a terminal says which of its two outputs comes next."""
        streams = isinstance(item, items.Into) and item.where in ("stdout", "stderr")
        return streams and isinstance(self._command, TerminalCommand)

    def check_bytes(self) -> None:
        """Raises msgspec.ValidationError for bytes that belong nowhere."""
        self._check_part("bytes")
        if not self._begun and not self._spec.text:
            raise _wrong(f"{self._spec.word} gives no bytes")

    def _check_part(self, what: str) -> None:
        """Of the file: while it comes."""
        if items.Taken in self._once:
            raise _wrong(f"{what} after the end of the file")

    def _check_whole(self) -> None:
        """A file that was begun and not ended is told by its own end, which keeps what came."""
        for kind in wanted(self._spec):
            if kind not in self._once and not (kind is items.Taken and self._begun):
                raise _wrong(f"done, and {WITHOUT[kind]}")


def wanted(spec: Spec) -> list[type[items.Sent]]:
    """What a word is for, beside rows and bytes, of which there may be none."""
    return [*([items.Taken] if spec.most is not None else []), *spec.yields]


def _may(spec: Spec, item: items.Sent) -> bool:
    match item:
        case items.RowItem():
            return spec.rows is not None
        case items.Into(where="file") | items.Hole() | items.Taken():
            return spec.most is not None
        case items.Into():
            return spec.text
        case items.Written() | items.Folder():
            return type(item) in spec.yields
        case items.Undoable():
            return spec.changes
        case items.Progress() | items.Note() | items.Done():
            return True


def _kind(item: items.Sent) -> str:
    if isinstance(item, items.Into):
        return item.where
    return "rows" if isinstance(item, items.RowItem) else type(item).__name__.lower()


def _wrong(what: str) -> msgspec.ValidationError:
    return msgspec.ValidationError(what)
