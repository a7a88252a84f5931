"""A disk as a power cut may leave it: of what was not synced anything can be there, or not.

1. A file's bytes are safe when an fsync that began after their write has ended; its name is safe
   when one of its folder has. Nothing else is, in whatever order it was written.
2. An unsynced write is there whole, in part (sectors of 512 bytes, in any order) or not at all;
   where only a later part of a file is there, zeros lie before it.
3. What the rig does not know how to model, it refuses.
"""

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.strace import Call

SECTOR = 512


@dataclass
class Write:
    """Bytes at an offset, or a new length where there are none."""

    ended: int
    offset: int
    data: "bytes | None"

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
        else:
            _put(content, self.offset, self.data)


@dataclass
class Node:
    """A file, or a folder of names."""

    content: bytearray = field(default_factory=bytearray)
    """As the running broker sees it."""
    safe: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)
    names: "dict[str, Node] | None" = None
    safe_names: "dict[str, Node]" = field(default_factory=dict)
    moves: "list[tuple[int, dict[str, Node | None]]]" = field(default_factory=list)
    """Changes of names, each whole or not there: name -> what it leads to then."""

    def synced(self, began: int) -> None:
        """An fsync that began then has ended."""
        for write in self.pending:
            if write.ended <= began:
                write.apply(self.safe)
        self.pending = [write for write in self.pending if write.ended > began]
        for moment, names in self.moves:
            if moment <= began:
                _rename(self.safe_names, names)
        self.moves = [move for move in self.moves if move[0] > began]

    def write(self, write: Write) -> None:
        write.apply(self.content)
        self.pending.append(write)

    def move(self, ended: int, names: "dict[str, Node | None]") -> None:
        assert self.names is not None
        _rename(self.names, names)
        self.moves.append((ended, names))


@dataclass
class Open:
    node: Node
    at: int
    append: bool


class Disk:
    """Follows the calls on a state folder, and can be cut off after each of them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[int, Open] = {}
        self._top = _read(root)
        self.checkpoints = 0
        """Writes into the store's main file, which only a checkpoint makes."""

    def follow(self, call: Call) -> None:
        match call.name:
            case "open" | "openat" | "creat":
                self._open(call)
            case "close":
                self._files.pop(call.descriptor()[0], None)
            case "lseek":
                self._of(call).at = call.result
            case "write" | "writev" | "pwrite64" | "pwritev":
                self._write(call)
            case "ftruncate":
                self._of(call).node.write(Write(call.ended, int(call.given[1]), None))
            case "fallocate":
                self._allocate(call)
            case "fsync" | "fdatasync":
                self._of(call).node.synced(call.began)
            case "mkdir":
                self._enter(call, call.texts[0], Node(names={}))
            case "unlink" | "rmdir":
                self._enter(call, call.texts[0], None)
            case "link":
                self._enter(call, call.texts[1], self._find(call.texts[0]))
            case "rename":
                self._rename(call)
            case "fcntl" if "F_DUPFD" not in call.given[1]:
                pass
            case _:
                raise NotImplementedError(f"{call.name}{call.given} is not modelled")

    def recordings(self) -> "dict[str, bytes]":
        """Every recording as the broker wrote it: name -> bytes."""
        folder = self._find(str(self._root / "recordings").encode())
        names = folder.names if folder is not None else None
        return {name: bytes(node.content) for name, node in (names or {}).items()}

    def cut(self, place: Path, chance: random.Random) -> None:
        """Lays out below `place` what a power cut now may leave."""
        laid: dict[int, Path] = {}
        mood = chance.choice((0.0, 1.0, chance.random(), chance.random()))
        _lay(self._top, place, chance, mood, laid)

    def _open(self, call: Call) -> None:
        path = call.texts[0].decode()
        flags = next((word for word in call.given if word.startswith("O_")), "")
        node = self._find(call.texts[0])
        if node is None:
            if "O_CREAT" not in flags:
                return
            node = Node()
            self._enter(call, call.texts[0], node)
        if "O_TRUNC" in flags and node.content:
            node.write(Write(call.ended, 0, None))
        assert node is not self._top or path == str(self._root)
        self._files[call.result] = Open(node, 0, "O_APPEND" in flags)

    def _write(self, call: Call) -> None:
        data = b"".join(call.texts)[: call.result]
        if len(data) != call.result:
            raise NotImplementedError(f"{call.name} of {call.result} bytes shows {len(data)}")
        file = self._of(call)
        offset = len(file.node.content) if file.append else file.at
        if call.name.startswith("p"):
            offset = int(call.given[-1])
        else:
            file.at = offset + len(data)
        self.checkpoints += call.descriptor()[1].endswith(".db")
        file.node.write(Write(call.ended, offset, data))

    def _allocate(self, call: Call) -> None:
        end = int(call.given[2]) + int(call.given[3])
        node = self._of(call).node
        node.write(Write(call.ended, max(end, len(node.content)), None))

    def _rename(self, call: Call) -> None:
        source, target = (path.decode() for path in call.texts)
        if os.path.dirname(source) != os.path.dirname(target):
            raise NotImplementedError(f"a rename over two folders: {source} to {target}")
        folder = self._find(os.path.dirname(source).encode())
        assert folder is not None
        names = {
            os.path.basename(source): None,
            os.path.basename(target): self._find(call.texts[0]),
        }
        folder.move(call.ended, names)

    def _enter(self, call: Call, path: bytes, node: "Node | None") -> None:
        folder = self._find(os.path.dirname(path))
        assert folder is not None, path
        folder.move(call.ended, {os.path.basename(path).decode(): node})

    def _of(self, call: Call) -> Open:
        number, place = call.descriptor()
        if number not in self._files:
            raise NotImplementedError(f"{call.name} of a file that nobody opened: {place}")
        return self._files[number]

    def _find(self, path: bytes) -> "Node | None":
        node: Node | None = self._top
        for name in Path(path.decode()).relative_to(self._root).parts:
            if node is None or node.names is None:
                return None
            node = node.names.get(name)
        return node


def _put(content: bytearray, offset: int, data: Iterable[int]) -> None:
    data = bytes(data)
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _rename(names: "dict[str, Node]", changes: "dict[str, Node | None]") -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _read(path: Path) -> Node:
    """What lies there before the broker starts is safe."""
    if path.is_dir():
        names = {child.name: _read(child) for child in path.iterdir()}
        return Node(names=names, safe_names=dict(names))
    content = path.read_bytes()
    return Node(bytearray(content), bytearray(content))


def _lay(
    node: Node, place: Path, chance: random.Random, mood: float, laid: "dict[int, Path]"
) -> None:
    """`mood` is how much of what is not safe has come to the disk."""
    if id(node) in laid:
        os.link(laid[id(node)], place)
        return
    laid[id(node)] = place
    if node.names is not None:
        place.mkdir(mode=0o700)
        names = dict(node.safe_names)
        for _, changes in node.moves:
            if chance.random() < mood:
                _rename(names, changes)
        for name, child in names.items():
            _lay(child, place / name, chance, mood, laid)
        return
    if place.name.endswith("-shm"):  # memory that is mapped: whatever was in it
        content = bytearray(chance.randbytes(len(node.content)))
    else:
        content = bytearray(node.safe)
        for write in node.pending:
            _strew(content, write, chance, mood)
    place.write_bytes(content)
    place.chmod(0o600)


def _strew(content: bytearray, write: Write, chance: random.Random, mood: float) -> None:
    if chance.random() >= mood:
        return
    if write.data is None or chance.random() < mood:
        write.apply(content)
        return
    at = 0
    while at < len(write.data):
        size = SECTOR - (write.offset + at) % SECTOR
        if chance.random() < mood:
            _put(content, write.offset + at, write.data[at : at + size])
        at += size
