"""What a line asks for that its door has to know before it is run."""

import itertools

from commands.language.errors import NotUnderstood
from commands.language.line import TypedLine


def refuse_behind(typed: TypedLine) -> None:
    """A session of one command ends with it: behind, it would be stopped as soon as it began."""
    if typed.options.background:
        word = typed.command.spec.word
        raise NotUnderstood(
            f"{word} & would be stopped at once, for one command's session ends with it; "
            "leave out the &, or connect NAME and type it there"
        )


def wants_json(line: str) -> bool:
    """Whether a line that may not even parse asks for JSON: its error is for a program then."""
    words = line.lower().split()
    if "-output" not in words:
        return words[-1:] == ["json"]
    return any(pair == ("-output", "json") for pair in itertools.pairwise(words))
