"""fireline.toml: what is taken, and each mistake by its name."""

from pathlib import Path

import pytest

from commands.language.command import discover
from commands.language.errors import NotUnderstood
from server.config import FILE, Limits, load


def settings(state: Path, text: str) -> Path:
    (state / FILE).write_text(text)
    return state


def test_limits_are_taken_and_the_others_stay(tmp_path: Path) -> None:
    config = load(settings(tmp_path, "[limits]\nsessions = 3\ncommand_s = 0.5\nidle_s = 60\n"))
    limits = config.limits
    assert (limits.sessions, limits.command_s, limits.idle_s) == (3, 0.5, 60)
    assert limits.file_bytes == Limits().file_bytes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sesions = 3", "no setting is called limits.sesions"),
        ("sessions = '3'", "limits.sessions takes a number"),
        ("sessions = true", "limits.sessions takes a number"),
        ("sessions = 2.5", "limits.sessions takes a whole number, not 2.5"),
        ("file_bytes = -1", "limits.file_bytes takes a number over 0, not -1"),
        ("command_s = 0", "limits.command_s takes a number over 0, not 0"),
        ("beat_s = 8.5", "limits.beat_s takes at most 8, not 8.5"),
        ("idle_s = inf", "limits.idle_s takes a number over 0, not inf"),
        ("idle_s = nan", "limits.idle_s takes a number over 0, not nan"),
    ],
)
def test_a_wrong_limit_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        load(settings(tmp_path, f"[limits]\n{text}\n"))
    assert str(refused.value) == f"{FILE}: {told}"


def test_the_time_of_a_word_is_the_setting_of_its_kind() -> None:
    limits, words = Limits(command_s=1, long_command_s=2), discover()
    seconds = {word: limits.seconds_of(words[word].spec) for word in ("dir", "run", "shell")}
    assert seconds == {"dir": 1, "run": 2, "shell": None}
