"""A YAML file as plain values that know their line; every surprise is a fault with line and key.

Taken: one document of mappings, lists and plain or quoted text. Not taken: anchors, aliases (with
them a small file unfolds into a huge one), tags, a key twice, more than 12 levels.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

DEEPEST = 12
_TEXT = "tag:yaml.org,2002:str"
_KINDS = {"ScalarNode": "text", "SequenceNode": "a list", "MappingNode": "a mapping"}


class Fault(ValueError):
    """What is wrong, at which line (from 1), under which key (`rules[2].role`)."""

    def __init__(self, line: int, key: str, message: str) -> None:
        super().__init__(message)
        self.line, self.key, self.message = line, key, message


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the file and where it stands."""

    node: yaml.Node
    key: str

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def fault(self, message: str) -> Fault:
        return Fault(self.line, self.key, message)

    def text(self) -> str:
        """The value as text; `no`, `1` and empty are other types and must be quoted."""
        if isinstance(self.node, yaml.ScalarNode):
            if self.node.tag == _TEXT:
                return str(self.node.value)
            raise self.fault(f"{_short(self.node.value)} is no text here; put it in quotes")
        raise self.fault(f"{self._kind()} stands where text is expected")

    def number(self, most: int) -> int:
        """A whole number from 0 on, in quotes or not."""
        text = self.node.value if isinstance(self.node, yaml.ScalarNode) else ""
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= most):
            raise self.fault(f"a whole number from 0 to {most} is expected here")
        return int(text)

    def is_text(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode)

    def items(self) -> list["Value"]:
        """The values of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.fault(f"{self._kind()} stands where a list is expected")
        return [Value(n, f"{self.key}[{i}]") for i, n in enumerate(self.node.value, 1)]

    def texts(self) -> list[tuple["Value", str]]:
        """A list's texts, each once."""
        found: dict[str, Value] = {}
        for value in self.items():
            if (text := value.text()) in found:
                raise value.fault(f"{_short(text)} stands here twice")
            found[text] = value
        return [(value, text) for text, value in found.items()]

    def entries(self) -> dict[str, tuple["Value", "Value"]]:
        """A mapping as name -> (the name's own place, the value)."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.fault(f"{self._kind()} stands where a mapping is expected")
        found: dict[str, tuple[Value, Value]] = {}
        for name_node, node in self.node.value:
            name = Value(name_node, self.key).text()
            path = f"{self.key}.{_short(name)}" if self.key else _short(name)
            place = Value(name_node, path)
            if name in found:
                raise place.fault(
                    f"{_short(name)} stands twice, first in line {found[name][0].line}"
                )
            found[name] = (place, Value(node, path))
        return found

    def fields(self, known: Iterable[str], required: Iterable[str]) -> Mapping[str, "Value"]:
        """A mapping whose keys are all among `known` and hold all of `required`."""
        known = tuple(known)
        entries = self.entries()
        for name, (place, _) in entries.items():
            if name not in known:
                raise place.fault(f"{_short(name)} is no key here; known: {', '.join(known)}")
        for name in required:
            if name not in entries:
                raise self.fault(f"{name} is missing")
        return {name: value for name, (_, value) in entries.items()}

    def _kind(self) -> str:
        if isinstance(self.node, yaml.ScalarNode) and not self.node.value:
            return "nothing"
        return _KINDS[type(self.node).__name__]


def texts_of(fields: Mapping[str, Value], key: str) -> list[tuple[Value, str]]:
    """The texts of an optional list."""
    return fields[key].texts() if key in fields else []


def parse(data: bytes) -> Value:
    """The one document of the file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Fault(data.count(b"\n", 0, error.start) + 1, "", "the file is not UTF-8") from None
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = _short(error.problem or "unreadable")
        raise Fault(line, "", f"this is not YAML: {problem}") from None
    except yaml.YAMLError:
        raise Fault(1, "", "the file holds characters that YAML forbids") from None
    if node is None:
        raise Fault(1, "", "the file is empty")
    return Value(node, "")


def _check_events(text: str) -> None:
    """Refuses what composing must not meet; events come without recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Fault(line, "", "anchors and aliases are not taken; write the value out")
        if getattr(event, "tag", None):
            raise Fault(line, "", "tags such as !!x are not taken; write plain text")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise Fault(line, "", f"more than {DEEPEST} levels are not taken")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
