"""Small files: private, whole or absent."""

import stat
from pathlib import Path

from endpoint_shim import durable


def test_a_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    durable.save(tmp_path / "f", b"one")
    durable.save(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_what_lies_in_the_way_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"kept")
    (tmp_path / "f.new").symlink_to("other")
    durable.save(tmp_path / "f", b"one")
    assert (tmp_path / "other").read_bytes() == b"kept"
