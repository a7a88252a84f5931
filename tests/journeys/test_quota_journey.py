"""`quota`: each limit with what is used of it, as the limit itself counts."""

import json
from typing import Any

from server.audit.records import Violation
from server.config import Limits
from tests.doors.rig import Rig


async def quota(rig: Rig, *before: str) -> dict[str, dict[str, Any]]:
    lines = "\n".join(["connect web-01", *before, "quota -output json"])
    ran = await rig.run("alice", stdin=lines.encode())
    assert ran.status == 0, ran.err
    rows = json.loads(ran.out[ran.out.index("[\n{") :])
    return {row["setting"]: row for row in rows}


async def test_quota_counts_what_the_limits_count(house: Rig) -> None:
    before = await quota(house)
    assert before["exec_per_person"]["used"] == 1
    assert before["sessions"]["used"] == before["sessions_per_person"]["used"] == 0
    assert before["evidence_bytes"]["used"] == 0
    after = await quota(house, "cat /etc/passwd > passwd.txt", "getfile /etc/passwd")
    assert after["evidence_bytes"]["used"] > 0
    assert after["results_bytes"]["used"] > before["results_bytes"]["used"]
    assert after["recording_bytes"]["used"] > 0
    assert [body for body in await house.journal() if isinstance(body, Violation)] == []
    assert after["violations_per_hour"]["used"] == 0


async def test_every_row_is_a_setting_of_the_broker_with_its_value(house: Rig) -> None:
    found = await quota(house)
    assert {name: int(getattr(Limits(), name)) for name in found} == {
        name: row["allowed"] for name, row in found.items()
    }


async def test_quota_fits_a_terminal_and_needs_no_device(house: Rig) -> None:
    ran = await house.run("carol", "quota")
    assert ran.status == 0
    titles, *rows = ran.out.splitlines()
    assert titles.split() == ["limit", "used", "allowed", "unit", "setting"]
    assert [row for row in rows if len(row) >= 80] == []
