"""The tags that a device proposes: read as a wish, whatever stands there."""

import os
from pathlib import Path

from endpoint_shim.tags import MOST, proposed

NAME = "tags"


def test_without_a_file_nothing_is_proposed(tmp_path: Path) -> None:
    assert proposed(tmp_path) == ()


def test_a_tag_a_line_each_once_without_remarks(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("web\n# who made this\n  Lab  # or not\n\nWEB\n")
    assert proposed(tmp_path) == ("web", "Lab")


def test_what_is_no_tag_is_left_out_and_only_the_first_few_count(tmp_path: Path) -> None:
    lines = ["two words", "-dash", "\x1b[31m", "x" * 64, *(f"t{n}" for n in range(MOST + 5))]
    (tmp_path / NAME).write_text("\n".join(lines))
    assert proposed(tmp_path) == tuple(f"t{n}" for n in range(MOST))


def test_bytes_that_are_no_text_a_link_and_a_pipe_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff\xfe\x00\nweb\n")
    assert proposed(tmp_path) == ("web",)
    (tmp_path / NAME).rename(tmp_path / "other")
    (tmp_path / NAME).symlink_to(tmp_path / "other")
    assert proposed(tmp_path) == ()
    (tmp_path / NAME).unlink()
    os.mkfifo(tmp_path / NAME)
    assert proposed(tmp_path) == ()
