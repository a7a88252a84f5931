"""Field reports, k31: a clone is never taken for the other; a renamed host stays itself."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.journeys.rig import House, until

pytestmark = pytest.mark.needs("ssh")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "h", {"reserve_bytes": 1 << 20}) as house:
        yield house


def test_clones(house: House) -> None:
    """Two shims with one state folder's content: the second is refused, and both are flagged."""
    shim = house.start_shim("web-01")
    clone = house.state / "clone"
    shutil.copytree(shim.state, clone, ignore=shutil.ignore_patterns("sessions", "*.lock"))
    [row] = house.rows("devices")
    assert row["warning"] == ""
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "endpoint_shim", "run", "--state", str(clone)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until("the clone was refused", lambda: house.of_kind("line_refused"))
        ran = house.run("on web-01 processes -pid 1")
        assert ran.status == 0, ran.err
        [row] = house.rows("devices")
        assert row["online"]
        assert str(row["warning"]).startswith("has a clone: another machine with its identity was")
        ran = house.run("devices")
        assert "web-01 has a clone: " in ran.err
        assert psutil.Process(process.pid).children() == []
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.needs("unshare")
@pytest.mark.skipif(os.geteuid() != 0, reason="a host name of its own needs root")
def test_renamed_host(house: House, tmp_path: Path) -> None:
    """The same key under another host name, and in another machine: the same device, by its old
    name, and it says both. A clone that comes while the other is off is seen by that alone."""
    house.start_shim("web-01")
    house.kill_shim("web-01")
    until("it is offline", lambda: not house.online("web-01"))
    [row] = house.rows("devices web-01")
    assert row["warning"] == ""
    (tmp_path / "number").write_text("another\n")
    other = f'mount --bind {tmp_path}/number /etc/machine-id && hostname web-77 && exec "$@"'
    renamed = ("unshare", "--uts", "--mount", "sh", "-c", other, "-", sys.executable)
    shim = house.shims["web-01"]
    before = len(house.records())
    shim.process = subprocess.Popen(
        [*renamed, "-I", "-m", "endpoint_shim", "run", "--state", str(shim.state)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    house.wait_online("web-01", before)
    [row] = house.rows("devices web-01")
    assert row["host"] == "web-77"
    assert "calls itself web-77 now" in str(row["warning"])
    assert "it stays web-01, and rules by name mean that name" in str(row["warning"])
    assert "answers from another machine than when it was new here" in str(row["warning"])
    assert house.run("on web-77 processes").status == 4
    assert "calls itself web-77 now" in house.run("why processes web-01").out
    ran = house.run("on web-01 processes -pid 1 -output json")
    assert ran.status == 0 and json.loads(ran.out)[0]["pid"] == 1
