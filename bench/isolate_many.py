"""One `isolate` on many connected devices: from Enter to each one's row, and to all of them.

The devices are simulated over real TLS lines: they say at once that they are isolated. What is
measured is the broker's part: rows and wishes, durable before they are sent, and the answers.
"""

import json
import time
from datetime import datetime
from pathlib import Path

from bench.devices import broker_of, connected, cpu
from bench.table import Row, high, middle, ms
from tests.journeys.rig import House

AIM_S = 1.0
NO_LIMIT = 1_000_000
WAIT_S = 180.0


def isolate_many(folder: Path, quick: bool) -> list[Row]:
    """With a person's limits raised, as an operator does for a fleet; a few at once as always."""
    count, rounds = 500, 2 if quick else 5
    raised = {"changed_devices_per_day": NO_LIMIT, "changed_devices_per_minute": NO_LIMIT}
    whole: list[float] = []
    each: list[float] = []
    spent: list[float] = []
    with connected(folder, count, raised) as house:
        grown = broker_of(house).memory_info().rss
        for _ in range(rounds):
            took, used, ended = _on_all(house, "isolate", count)
            whole.append(took)
            each += ended
            spent.append(used)
            _on_all(house, "release", count)
        grown = broker_of(house).memory_info().rss - grown
    a_device, half, most = middle(spent) / count, middle(each), high(each)
    return [
        Row(
            f"`on all isolate` on {count} devices: Enter to a device's row, p50",
            ms(half), "aim of the p99", ms(AIM_S), half / AIM_S,
        ),
        Row("… p99", ms(most), "aim", ms(AIM_S), most / AIM_S, 1.0),
        Row(
            f"… to the answer for all of them (memory +{grown >> 20} MiB)",
            ms(middle(whole)), "the broker's processor, of each", ms(a_device),
        ),
    ]  # fmt: skip


def _on_all(house: House, word: str, count: int) -> tuple[float, float, list[float]]:
    """Until the client has its answer, the broker's processor till then, and each row's end."""
    began, wall, before = time.monotonic(), time.time(), cpu(house)
    line = f"on all {word} -devices {count} -yes -comment bench"
    ran = house.run(line, limit=WAIT_S)
    took, used = time.monotonic() - began, cpu(house) - before
    if ran.status != 0:
        raise SystemExit(f"{word} on {count} devices: status {ran.status}: {ran.err[-500:]}")
    listed = house.run("actions -output json", limit=WAIT_S)
    rows = [row for row in json.loads(listed.out) if row["type"] == word][:count]
    late = [row["id"] for row in rows if row["state"] != "Succeeded"]
    if len(rows) != count or late:
        raise SystemExit(f"{len(rows)} rows of {count}, {len(late)} of them not succeeded")
    ended = [datetime.fromisoformat(row["ended"]).timestamp() - wall for row in rows]
    return took, used, ended
