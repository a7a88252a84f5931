"""A person's own lines."""

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

from server.doors.own_history import OwnHistory, OwnSuggestions


def test_lines_that_begin_with_a_blank_and_repeated_ones_are_not_kept() -> None:
    history = OwnHistory(["devices"])
    assert not history.remember(" secret")
    assert not history.remember("devices")
    assert history.remember("dir")
    history.append_string("what the prompt would add")
    assert history.lines == ["devices", "dir"]


def test_only_basic_words_are_suggested() -> None:
    history = OwnHistory(["dir /etc", "run triage.sh"])
    suggest = OwnSuggestions(history)
    found = suggest.get_suggestion(Buffer(), Document("dir"))
    assert found is not None and found.text == " /etc"
    assert suggest.get_suggestion(Buffer(), Document("run")) is None
