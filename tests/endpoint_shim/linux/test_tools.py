"""The system's own programs, run to their end: what is said where they do not end well."""

import pytest

from commands.language.errors import Failed
from endpoint_shim.linux import tools


def test_what_a_program_wrote_is_given_and_its_errors_are_told() -> None:
    assert tools.ran("/bin/cat", [], 60, "given") == "given"
    assert tools.ran("/bin/pwd", [], 60) == "/\n"
    with pytest.raises(Failed, match=r"^sh -c ended with 7: no$"):
        tools.ran("/bin/sh", ["-c", "echo no >&2; exit 7"], 60)
    with pytest.raises(Failed, match=r"^false ended with 1$"):
        tools.ran("/bin/false", [], 60)


def test_one_that_does_not_end_is_ended_and_one_that_is_not_there_is_told() -> None:
    with pytest.raises(Failed, match=r"^sleep 600 did not end within 0.5 s$"):
        tools.ran("/bin/sleep", ["600"], 0.5)
    with pytest.raises(Failed, match=r"^/nowhere/nft was not started: No such file"):
        tools.ran("/nowhere/nft", [], 60)


def test_the_first_program_that_is_here_is_taken() -> None:
    assert tools.first(("/nowhere/sh", "/bin/sh", "/usr/bin/sh")) == "/bin/sh"
    assert tools.first(("/nowhere/sh",)) is None
