"""Sets of rules: those that ship, the operator's own, and those for one kind of device."""

from pathlib import Path

import pytest

from commands.language.errors import NotUnderstood
from server.actions.selective import FILE, rules_named

OWN = """
helpdesk: [{name: remote, network: 10.0.5.0/24}]
helpdesk.linux: [{name: remote of Linux, service: postfix}]
default.linux: []
"""


def names(state: Path, name: str, platform: str) -> list[str]:
    return [rule.name for rule in rules_named(state, name, platform)]


def test_a_set_of_a_platform_takes_the_place_of_the_plain_one_there(tmp_path: Path) -> None:
    assert {"Teams", "Outlook (Evolution)"} <= set(names(tmp_path, "default", "linux"))
    assert "Outlook" not in names(tmp_path, "default", "linux")
    (tmp_path / FILE).write_text(OWN)
    assert names(tmp_path, "default", "linux") == []
    assert "Outlook" in names(tmp_path, "default", "windows")
    assert names(tmp_path, "helpdesk", "linux") == ["remote of Linux"]
    assert names(tmp_path, "helpdesk", "windows") == names(tmp_path, "helpdesk", "") == ["remote"]


def test_a_set_that_there_is_not_is_told_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(OWN)
    with pytest.raises(
        NotUnderstood, match="no set of rules is called nosuch; there are: default,"
    ):
        rules_named(tmp_path, "nosuch", "linux")
