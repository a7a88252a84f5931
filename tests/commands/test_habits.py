"""What is said of a word of another console: a word that there is, and none that is one already."""

import pytest

from commands.language.command import discover, find
from commands.language.errors import NotUnderstood
from commands.language.habits import HABITS
from commands.language.line import parse

discover()


@pytest.mark.parametrize(("typed", "meant"), HABITS.items())
def test_a_word_of_another_console_is_no_command_and_names_the_word_here(
    typed: str, meant: str
) -> None:
    found = find(meant)
    assert found is not None and find(typed) is None
    with pytest.raises(NotUnderstood, match=f"is no command; here it is {meant}$"):
        parse(f"{typed.upper()} x")
