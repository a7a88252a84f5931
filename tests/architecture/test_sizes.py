"""Small files with names of the field."""

import re
import statistics

import pytest

from tests.architecture.sources import Source, parse, sources

pytestmark = pytest.mark.xdist_group("sources")

LONGEST = 400
MEDIAN = 150
BANNED = {
    *("manager", "managers", "handler", "handlers", "helper", "helpers", "util", "utils"),
    *("common", "base", "misc", "data", "info", "agent", "old", "v2"),
}


def too_long(source: Source) -> list[str]:
    return [f"{source.path} has {source.lines} lines"] if source.lines > LONGEST else []


def badly_named(source: Source) -> list[str]:
    parts = source.path.removesuffix(".py").split("/")
    return [
        f"{source.path}: {part} is no name of the field"
        for part in parts
        if BANNED & set(re.split(r"[_.-]", part.lower()))
    ]


def without_a_purpose(source: Source) -> list[str]:
    first = source.tree.body[0] if source.tree.body else None
    docstring = getattr(getattr(first, "value", None), "value", None)
    return [] if isinstance(docstring, str) else [f"{source.path} does not say what it is"]


def test_no_module_is_over_400_lines() -> None:
    everything = [*sources(), *sources("tests", "tools", "bench")]
    assert [line for source in everything for line in too_long(source)] == []


def test_the_median_module_is_under_150_lines() -> None:
    assert statistics.median(source.lines for source in sources()) < MEDIAN


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [line for source in sources() for line in badly_named(source)] == []


def test_every_module_says_in_its_docstring_what_it_is() -> None:
    assert [line for source in sources() for line in without_a_purpose(source)] == []


def test_planted_modules_are_seen() -> None:
    assert too_long(parse("server/live/session.py", "x = 1\n" * 401))
    assert not too_long(parse("server/live/session.py", "x = 1\n" * 400))
    assert badly_named(parse("server/live/session_utils.py", ""))
    assert badly_named(parse("server/common/session.py", ""))
    assert not badly_named(parse("server/store/database.py", ""))
    assert without_a_purpose(parse("server/live/session.py", "x = 1\n"))
    assert not without_a_purpose(parse("server/live/session.py", '"""A session."""\n'))
