"""The project's own source files as the architecture tests read them: path, text, syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("commands", "server", "endpoint_shim", "scripts_library")


class Source(NamedTuple):
    path: str  # from the project's root, with forward slashes
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")


def parse(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text, path))


def sources(*folders: str) -> list[Source]:
    found = []
    for folder in folders or ROOMS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            found.append(parse(file.relative_to(ROOT).as_posix(), file.read_text()))
    return found


class Import(NamedTuple):
    module: str
    line: int
    names: tuple[str, ...]


def imports(source: Source) -> Iterator[Import]:
    """Every import, also those inside functions and those of importlib by a literal name."""
    package = source.path.removesuffix(".py").removesuffix("/__init__").split("/")
    if not source.path.endswith("/__init__.py"):
        package = package[:-1]
    for node in ast.walk(source.tree):
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
