"""docs/commands.md is what the declarations say."""

from pathlib import Path

from commands.language.command import discover
from commands.language.reference import reference

FILE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_table_of_commands_is_that_of_the_declarations() -> None:
    assert FILE.read_text() == reference(), (
        "run: python -m commands.language.reference > docs/commands.md"
    )


def test_every_word_has_one_line() -> None:
    lines = [line for line in reference().splitlines() if line.startswith("| `")]
    assert sorted(line.split("`")[1] for line in lines) == sorted(discover())
