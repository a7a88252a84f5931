"""The project's own source files as the architecture tests read them: path, text, syntax tree."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("commands", "server", "endpoint_shim", "scripts_library")


@dataclass(frozen=True)
class Source:
    """One file; parsed when a rule asks for it, once for all rules."""

    path: str
    """From the project's root, with forward slashes."""
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """The whole tree, flat."""
        return tuple(ast.walk(self.tree))

    @property
    def lines(self) -> int:
        return self.text.count("\n")


def parse(path: str, text: str) -> Source:
    return Source(path, text)


def sources(*folders: str) -> list[Source]:
    return [source for folder in folders or ROOMS for source in _of(folder)]


@functools.cache
def _of(folder: str) -> tuple[Source, ...]:
    files = sorted((ROOT / folder).rglob("*.py"))
    return tuple(Source(file.relative_to(ROOT).as_posix(), file.read_text()) for file in files)


class Import(NamedTuple):
    module: str
    line: int
    names: tuple[str, ...]


def imports(source: Source) -> Iterator[Import]:
    """Every import, also those inside functions and those of importlib by a literal name."""
    package = source.path.removesuffix(".py").removesuffix("/__init__").split("/")
    if not source.path.endswith("/__init__.py"):
        package = package[:-1]
    for node in source.nodes:
        match node:
            case ast.Import():
                for name in node.names:
                    yield Import(name.name, node.lineno, ())
            case ast.ImportFrom():
                up = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*up, *([node.module] if node.module else [])])
                yield Import(module, node.lineno, tuple(name.name for name in node.names))
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield Import(module, node.lineno, ())
