"""Facts as SFTP wants them."""

import os
import stat
from pathlib import Path

import pytest

from commands.language.errors import FirelineError, Refused
from endpoint_shim import policy
from endpoint_shim.linux.stats import entries, facts_at
from endpoint_shim.policy import Policy

OPEN = Policy()


def test_a_link_is_itself_unless_followed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"123")
    (tmp_path / "l").symlink_to("f")
    link = os.fsencode(tmp_path / "l")
    assert stat.S_ISLNK(facts_at(link, False, OPEN).mode)
    assert facts_at(link, True, OPEN).size == 3


def test_names_that_are_no_text_are_listed_in_their_raw_form(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))).write_bytes(b"")
    (tmp_path / "sub").mkdir()
    found = {one.name: one for one in entries(os.fsencode(tmp_path), OPEN)}
    assert set(found) == {"raw:%FF", "sub"} and stat.S_ISDIR(found["sub"].mode)


def test_what_is_not_there_is_said_with_its_errno(tmp_path: Path) -> None:
    with pytest.raises(FirelineError) as raised:
        facts_at(os.fsencode(tmp_path / "none"), True, OPEN)
    assert isinstance(raised.value.__cause__, FileNotFoundError)


def test_a_link_into_what_is_off_limits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "way").symlink_to("secret")
    ours = Policy(policy.parse(f'off_limits = ["{tmp_path}/secret"]'))
    way = os.fsencode(tmp_path / "way")
    with pytest.raises(Refused):
        facts_at(way, True, ours)
    with pytest.raises(Refused):
        list(entries(way, ours))
