"""The table of all words as Markdown: `docs/commands.md`, written by `python -m` of this module."""

import sys
from typing import get_args

from commands.language.command import Command, Group, discover
from commands.language.grammar import kind

HEAD = """# Commands

One line per word, from the declarations in `commands/`; a test compares. `help WORD` says more,
`fireline grammar` gives everything as JSON. *any* is everybody who may log in.

"""
TITLES = "| word | also | role | what it does | platforms |\n|---|---|---|---|---|\n"
GROUPS = {
    "look": "Looking",
    "take": "Taking",
    "change": "Changing",
    "here": "In the session",
    "broker": "At the broker",
}


def reference() -> str:
    """The whole file."""
    return HEAD + "\n".join(_group(group) for group in get_args(Group))


def _group(group: str) -> str:
    lines = "".join(_line(cls) for cls in discover().values() if cls.spec.group == group)
    return f"## {GROUPS[group]}\n\n{TITLES}{lines}"


def _line(cls: type[Command]) -> str:
    spec = cls.spec
    also = ", ".join(f"`{alias}`" for alias in spec.aliases)
    role = f"{spec.role}, `{spec.right}`" if spec.right else spec.role
    on_device = kind(cls) in ("device", "terminal")
    platforms = ", ".join(sorted(spec.platforms)) if on_device else ""
    summary = spec.summary.replace("|", "\\|")
    return f"| `{spec.word}` | {also} | {role} | {summary} | {platforms} |\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
