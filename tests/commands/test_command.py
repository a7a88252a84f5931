"""Declarations: what they derive, and what fails at import."""

from typing import Annotated

import pytest

from commands.language.command import (
    ADVANCED,
    HIDDEN,
    LINUX,
    DeskCommand,
    all_words,
    discover,
    find,
    minutes,
)
from commands.language.line import parse
from commands.language.names import Name


def test_every_word_of_the_slice_is_declared() -> None:
    words = (
        "devices connect disconnect exit attach detach help history cls cd pwd dir cat fileinfo "
        "findfile processes connections getfile putfile run library shell jobs fg status cancel "
        "sessions replay verify why log"
    )
    assert set(words.split()) <= set(discover())


def test_aliases_are_the_documented_ones() -> None:
    aliases = {
        "ls": "dir",
        "download": "getfile",
        "get": "getfile",
        "process": "processes",
        "ps": "processes",
        "netstat": "connections",
        "type": "cat",
        "put": "putfile",
        "devices release-token": "releasetoken",
    }
    for alias, word in aliases.items():
        assert find(alias) is discover()[word] and find(alias.upper()) is discover()[word]
    assert set(all_words()) == {*discover(), *aliases}


def test_a_declaration_gives_its_parameters_in_order() -> None:
    spec = discover()["getfile"].spec
    path, recall, auto = spec.parameters
    assert (path.name, path.type, path.required, path.positional) == ("path", Name, True, True)
    for flag in (recall, auto):
        assert (flag.flag, flag.required, flag.positional) == (True, False, False)
    assert spec.limit == minutes(30) and spec.role == "basic" and spec.needs == "fileinfo"


def test_a_hidden_parameter_is_never_required_of_a_person() -> None:
    hidden = [p for p in discover()["run"].spec.parameters if p.mark is HIDDEN]
    assert {p.name for p in hidden} >= {"sha256", "version", "success"}
    assert not any(p.required for p in hidden)


def test_a_command_is_a_value_that_cannot_change() -> None:
    command = parse("fg 12").command
    with pytest.raises(AttributeError):
        setattr(command, "number", 13)  # noqa: B010 (mypy knows that it is frozen)


def test_every_command_that_changes_a_device_is_advanced() -> None:
    assert {c.spec.role for c in discover().values() if c.spec.changes} == {ADVANCED}


def test_a_parameter_of_no_known_kind_fails_at_import() -> None:
    with pytest.raises(TypeError, match="odd: parameter x is of no known kind"):

        class Odd(DeskCommand):
            """Odd."""

            x: Annotated[dict[str, int], "what"]

    with pytest.raises(TypeError, match="parameter x has 2 kinds"):

        class Two(DeskCommand):
            """Two."""

            x: Annotated[int | str, "what"]


def test_a_parameter_without_help_fails_at_import() -> None:
    with pytest.raises(TypeError, match="parameter x has no help text"):

        class Mute(DeskCommand, platforms=(LINUX,)):
            """Mute."""

            x: int


def test_a_word_or_alias_declared_twice_fails_at_import() -> None:
    with pytest.raises(TypeError, match="ls is declared by commands.dir and"):

        class Listing(DeskCommand, aliases=("ls",)):
            """Listing."""

    assert find("listing") is None
