"""Who could change the shim's files: the way as written, and where its links lead."""

import os
from pathlib import Path

import pytest

from endpoint_shim import changers


def test_what_only_its_owner_can_write_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").touch()
    assert changers.found([tmp_path]) == []


def test_a_folder_above_where_a_link_leads_is_named(tmp_path: Path) -> None:
    real = tmp_path / "real" / "state"
    real.mkdir(parents=True)
    (tmp_path / "link").symlink_to(real)
    (tmp_path / "real").chmod(0o777)
    assert changers.found([tmp_path / "link"]) == [
        f"{tmp_path}/real can be written by others; chmod go-w {tmp_path}/real"
    ]


def test_sticky_is_enough_on_the_way_but_not_for_what_is_ours(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    tmp_path.chmod(0o1777)
    assert changers.found([tmp_path / "state"]) == []
    (tmp_path / "state").chmod(0o1777)
    assert len(changers.found([tmp_path / "state"])) == 1


def test_not_more_are_named_than_a_person_reads(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / str(number)).touch()
        (tmp_path / str(number)).chmod(0o666)
    assert len(changers.found([tmp_path])) == changers.MOST


def test_what_lies_in_a_folder_that_was_looked_at_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/open").touch()
    (tmp_path / "a/open").chmod(0o666)
    assert len(changers.found([tmp_path, tmp_path / "a", tmp_path / "a/open"])) == 1


def test_what_a_link_in_a_folder_that_was_looked_at_leads_to_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "seen").mkdir()
    (tmp_path / "far").mkdir()
    (tmp_path / "far/open").touch()
    (tmp_path / "far/open").chmod(0o666)
    (tmp_path / "seen/link").symlink_to(tmp_path / "far")
    assert len(changers.found([tmp_path / "seen", tmp_path / "seen/link"])) >= 1


def test_what_is_not_there_is_judged_by_its_folder(tmp_path: Path) -> None:
    assert changers.found([tmp_path / "policy.toml"]) == []
    tmp_path.chmod(0o777)
    assert len(changers.found([tmp_path / "policy.toml"])) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away needs root")
def test_a_file_of_another_user_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    os.chown(tmp_path / "x", 1234, 1234)
    assert changers.found([tmp_path]) == [
        f"{tmp_path}/x belongs to user 1234, who could replace it"
    ]
