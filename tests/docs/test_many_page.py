"""What docs/many.md shows is understood, and what it names is there."""

import re

import pytest

from commands.language.command import discover
from commands.language.line import parse
from commands.on import On
from server.config import Limits
from server.live.selectors import ALONE, PREFIXED
from server.live.selectors import parse as parse_selector
from server.live.staging import ALL_AT_ONCE, staging
from tests.architecture.sources import ROOT

discover()
PAGE = (ROOT / "docs" / "many.md").read_text()
LINES = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_it_is_understood(line: str) -> None:
    command = parse(line).command
    if isinstance(command, On):
        inner = parse(command.line).command
        assert parse_selector(command.selector).chosen
        assert inner.alters() or staging(command.stage, command.stop) == ALL_AT_ONCE


def test_every_setting_has_the_default_that_it_names() -> None:
    named = re.findall(r"`(\w+)` \((\d+)\)", PAGE)
    assert len(named) == 3
    for setting, default in named:
        assert getattr(Limits(), setting) == int(default)


def test_it_names_every_kind_of_selector() -> None:
    for kind in PREFIXED:
        assert f"`{kind}:" in PAGE
    for word in ALONE:
        assert f"`{word}`" in PAGE
