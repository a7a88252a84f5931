"""Help derives from the declarations and fits the screen."""

import pytest

from commands.language.command import Command, discover
from commands.language.help import ORDER, help_keys, help_overview, help_word
from server.config import Limits

GETFILE = """
getfile PATH [-recall] [-auto]     also download, get     basic, 30 min, 3 GB
Fetch a file from the device into this session's evidence.
  PATH     file, folder or glob on the device; quote it if it has spaces
  -recall  have the device fetch a placeholder's content first (Windows)
  -auto    run first what has to run first: fileinfo PATH
Goes on where it broke; done only when both sides have the same SHA-256. The
"""


def test_help_of_a_word_is_the_screen_of_the_document() -> None:
    lines = help_word(discover()["getfile"].spec, most=Limits().file_bytes)
    assert "\n".join(lines).startswith(GETFILE.strip())


@pytest.mark.parametrize("cls", [one for one in discover().values() if one.spec.most])
def test_the_setting_that_bounds_a_word_exists(cls: type[Command]) -> None:
    assert isinstance(getattr(Limits(), cls.spec.most or ""), int)


def test_every_word_stands_once_in_its_group() -> None:
    lines = "\n".join(help_overview(discover(), {})).split()
    for word in set(discover()) - {"help"}:
        assert lines.count(word) == 1, word


def test_what_is_ruled_out_stands_once_with_its_reason() -> None:
    reasons = {
        "exec": "web-02 forbids it",
        "shell": "web-02 forbids it",
        "run": "web-02 forbids it",
        "putfile": "needs advanced",
    }
    lines = help_overview({word: discover()[word] for word in reasons}, reasons)
    change = next(line for line in lines if line.startswith("change"))
    assert change == (
        "change  not here: run shell exec (web-02 forbids it), putfile (needs advanced)"
    )


def test_a_word_without_a_reason_is_left_out() -> None:
    assert "token" not in "\n".join(help_overview(discover(), {"token": ""})).split()


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_line_is_wider_than_the_screen(columns: int) -> None:
    lines = [*help_overview(discover(), {}, columns), *help_keys(columns)]
    for cls in discover().values():
        lines += help_word(cls.spec, columns, "shell on web-02 by its own policy")
    assert max(map(len, lines)) < max(columns, 48)


def test_hidden_parameters_are_not_shown() -> None:
    assert "SHA256" not in "\n".join(help_word(discover()["run"].spec)).replace("SHA-256", "")


def test_words_stand_in_the_order_of_the_document() -> None:
    lines = help_overview(discover(), {})
    assert lines[0] == "look    dir cat fileinfo findfile processes connections"
    here = next(n for n, line in enumerate(lines) if line.startswith("here"))
    assert " ".join(lines[here : here + 2]).split() == [
        *("here", "cd", "pwd", "cls", "jobs", "fg", "status", "cancel", "history"),
        *("trace", "log", "settings", "help"),
        *("attach", "letin", "detach", "disconnect", "exit"),
    ]


def test_every_word_that_is_ordered_is_declared() -> None:
    assert sorted(ORDER) == sorted(set(ORDER) & set(discover()))


@pytest.mark.parametrize("word", ["connect", "on", "shell", "run", "putfile"])
def test_what_opens_or_changes_says_how_its_comment_is_given(word: str) -> None:
    assert "\n  -comment" in "\n".join(help_word(discover()[word].spec))


def test_aliases_stand_apart_from_who_may_in_a_narrow_window() -> None:
    assert help_word(discover()["getfile"].spec, 50, most=3 << 30)[1] == (
        "  also download, get     basic, 30 min, 3 GB"
    )


def test_a_words_first_sentence_is_whole_on_its_line() -> None:
    """The list of words, completion and docs/commands.md show that line alone."""
    assert [word for word, one in discover().items() if not one.spec.summary.endswith(".")] == []
