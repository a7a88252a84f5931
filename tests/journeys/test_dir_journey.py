"""`dir` on a real device."""

import json
from pathlib import Path

from tests.doors.rig import Rig


async def test_a_files_own_row_is_relative_too(house: Rig, tmp_path: Path) -> None:
    (tmp_path / "memo.txt").write_bytes(b"")
    for what in (tmp_path, tmp_path / "memo.txt"):
        ran = await house.run("alice", f"on web-01 dir {what} -relative_path -output json")
        assert "memo.txt" in [row["path"] for row in json.loads(ran.out)]
