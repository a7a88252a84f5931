"""Every class has the status, the word and the code of mission.md section 15."""

import pytest

from commands.language import errors


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        ("failed", 1, "failed"),
        ("interrupted", 1, "failed"),
        ("not_understood", 2, "not understood"),
        ("refused", 3, "refused"),
        ("unreachable", 4, "unreachable"),
        ("timed_out", 124, "timed out"),
        ("cancelled", 130, "cancelled"),
    ],
)
def test_a_code_gives_its_class_status_and_word(code: str, status: int, word: str) -> None:
    error = errors.from_code(code, "why")
    assert (error.code, error.status, error.word) == (code, status, word)
    assert error.shown() == f"{word}: why"


def test_a_code_that_is_not_known_is_a_failure() -> None:
    assert type(errors.from_code("exploded", "why")) is errors.Failed


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/x does not exist", "dir on web-01: /x does not exist"),
        ("/web-01/x does not exist", "dir on web-01: /web-01/x does not exist"),
        (
            "dir was ended after its limit of 600 s",
            "dir on web-01 was ended after its limit of 600 s",
        ),
        ("/x on WEB-01 by its own policy", "/x on WEB-01 by its own policy"),
        ("/x on web-011 is a link", "dir on web-01: /x on web-011 is a link"),
        ("web-01 sent an item after its Done", "web-01 sent an item after its Done"),
    ],
)
def test_a_message_from_a_device_names_it_once(said: str, shown: str) -> None:
    error = errors.on_device(errors.Refused(said), "dir", "web-01")
    assert (type(error), str(error)) == (errors.Refused, shown)
