"""access.yaml: taken whole, or refused whole with line and key."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from server.identity.access_file import (
    LIMIT,
    AccessFileError,
    declared_words,
    load_access_file,
    parse_access_file,
)
from server.identity.rules import Rules, Scope

Parse = Callable[[str], Rules]
MINIMAL = "people: {alice: {}}\nrules: []\n"


def test_a_whole_file_is_taken_as_it_is_written(rules_of: Parse, public_keys: list[str]) -> None:
    text = f"""\
people:
  alice:
    keys:
      - {public_keys[0]}
      - {public_keys[1]}
    groups: [responders]
  root:
    accounts: [root]
rules:
  - name: prod
    people: [responders]
    role: advanced
    devices: [tag:Prod, DB-02]
    deny: [shell, ps]
    allow: [dir, shell, get]
    rights: {{library: write, overwrite: allow}}
    comment: {{console: required, exec: optional}}
  - name: ops
    people: [root]
    role: operator
    devices: all
"""
    rules = rules_of(text)
    alice = rules.people["alice"]
    assert [key.text for key in alice.keys] == [k.rsplit(" ", 1)[0] for k in public_keys[:2]]
    assert alice.line == 2
    assert rules.people["root"].accounts == ("root",)
    prod, ops = rules.rules
    assert (prod.name, prod.line, prod.role, prod.named) == (
        "prod",
        10,
        "advanced",
        ("responders",),
    )
    assert prod.people == {"alice"}
    assert prod.scope == Scope(False, frozenset({"db-02"}), frozenset({"prod"}))
    assert prod.deny == {"shell", "processes"}
    assert prod.allow == frozenset({"dir", "shell", "getfile"})
    assert prod.rights == {"library:write", "overwrite:allow"}
    assert (prod.needs_comment("console"), prod.needs_comment("exec")) == (True, False)
    assert ops.scope.every
    assert ops.allow is None
    assert rules.lines[1] == "  alice:"


def test_line_and_key_stand_in_the_message() -> None:
    with pytest.raises(AccessFileError) as refused:
        parse_access_file("access.yaml", b"people:\n  alice:\n    kees: []\nrules: []\n", {})
    error = refused.value
    assert (error.path, error.line, error.key) == ("access.yaml", 3, "people.alice.kees")
    assert error.shown() == (
        "failed: access.yaml line 3, people.alice.kees: kees is no key here; "
        "known: keys, groups, accounts"
    )


def test_hostile_text_in_the_file_is_shown_harmless() -> None:
    with pytest.raises(AccessFileError) as refused:
        parse_access_file("access.yaml", b'"a\\e[31mb\\u202E": 1\n', {})
    assert refused.value.args[0].isprintable()


@pytest.mark.parametrize("text", ["", "[]", "x", "people: {}", "rules: []", MINIMAL + "more: 1\n"])
def test_a_file_without_its_two_parts_is_refused(rules_of: Parse, text: str) -> None:
    with pytest.raises(AccessFileError, match=r"access\.yaml line \d"):
        rules_of(text)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "long", "writable"])
def test_a_file_that_cannot_be_trusted_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "access.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "long":
        path.write_text(MINIMAL + "#" * LIMIT)
    elif kind == "writable":
        path.write_text(MINIMAL)
        path.chmod(0o646)
    with pytest.raises(AccessFileError, match=r"^access\.yaml: "):
        load_access_file(path, {})


def test_a_file_of_the_full_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "access.yaml"
    path.write_text(MINIMAL + "#" * (LIMIT - len(MINIMAL)))
    assert set(load_access_file(path, {}).people) == {"alice"}


def test_every_declared_word_and_alias_may_stand_in_a_rule() -> None:
    words = declared_words()
    assert words["ps"] == words["processes"] == "processes"
    assert words["shell"] == "shell"
