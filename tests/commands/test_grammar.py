"""The published grammar holds every word and parameter, as ASCII JSON."""

import json

from commands.language.command import HIDDEN, discover
from commands.language.grammar import as_json, grammar


def test_the_grammar_is_json_and_the_same_when_read() -> None:
    assert as_json().isascii()
    assert json.loads(as_json()) == json.loads(json.dumps(grammar()))


def test_every_word_and_every_typed_parameter_is_in_it() -> None:
    commands = {c["word"]: c for c in grammar()["commands"]}
    assert set(commands) == set(discover())
    for word, cls in discover().items():
        typed = [p.name for p in cls.spec.parameters if p.mark is not HIDDEN]
        assert [p["name"] for p in commands[word]["parameters"]] == typed
        assert commands[word]["aliases"] == list(cls.spec.aliases)


def test_columns_kinds_choices_and_limits_are_in_it() -> None:
    commands = {c["word"]: c for c in grammar()["commands"]}
    assert commands["processes"]["rows"][0] == {
        "name": "name",
        "kind": "name",
        "many": False,
        "priority": 1,
        "identity": True,
        "table": True,
    }
    assert commands["library"]["parameters"][0]["choices"] == [
        "list",
        "show",
        "log",
        "add",
        "delete",
    ]
    assert commands["getfile"]["limit_s"] == 1800 and commands["shell"]["kind"] == "terminal"
    kinds = {p["kind"] for c in commands.values() for p in c["parameters"]}
    assert kinds == {"text", "integer", "number", "flag", "choice", "name"}
