"""node's ssh2, which editors and file managers are made with: exec, a terminal, files."""

import base64
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import node_modules
from tests.journeys.rig import House

pytestmark = [pytest.mark.needs("node", "npm"), pytest.mark.timeout(400)]

DEVICE = "web-01"
THERE = f"alice~{DEVICE}"
PROHIBITED = 1


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("node") / "house", limits) as house:
        house.start_shim(DEVICE)
        yield house


@pytest.fixture(scope="module")
def modules() -> Path:
    try:
        return node_modules.installed()
    except node_modules.NotInstalled as error:
        pytest.skip(f"npm gave no ssh2: {error}")


def node(house: House, modules: Path, user: str, **more: Any) -> dict[str, Any]:
    """What client.js found; its connection has a keepalive each 100 ms that wants an answer."""
    port = re.search(r"Port (\d+)", (house.state / "ssh_config").read_text())
    assert port is not None
    key = base64.b64decode((house.state / "known_hosts").read_text().split()[2])
    told = {
        "modules": str(modules),
        "port": int(port[1]),
        "key": str(house.state / "alice"),
        "host": base64.b64encode(hashlib.sha256(key).digest()).decode(),
        "user": user,
        **more,
    }
    given = json.dumps(told).encode()
    ran = subprocess.run(
        ["node", str(node_modules.CLIENT)], input=given, capture_output=True, timeout=100
    )
    assert ran.returncode == 0, ran.stderr.decode()
    found = json.loads(ran.stdout)
    assert found.pop("forward") == {"reason": PROHIBITED}
    return dict(found)


def test_exec_has_its_own_status_and_both_outputs(house: House, modules: Path) -> None:
    execs = [
        ["typed", "cat; echo no >&2; exit 7", "typed"],
        ["slow", "sleep 1; echo late", ""],
        ["killed", "kill -TERM $$", ""],
    ]
    assert node(house, modules, THERE, execs=execs) == {
        "typed": {"out": "typed", "err": "no\n", "code": 7, "signal": None},
        "slow": {"out": "late\n", "err": "", "code": 0, "signal": None},
        "killed": {"out": "", "err": "", "code": None, "signal": "SIGTERM"},
    }


def test_lines_at_the_broker_have_the_statuses_of_errors(house: House, modules: Path) -> None:
    execs = [
        ["device", f"on {DEVICE} exec echo out; echo err >&2; exit 5", ""],
        ["wrong", "getfle x", ""],
    ]
    found = node(house, modules, "alice", execs=execs)
    assert found["device"] == {"out": "out\n", "err": "err\n", "code": 5, "signal": None}
    assert (found["wrong"]["code"], found["wrong"]["out"]) == (2, "")
    assert found["wrong"]["err"].startswith("not understood: getfle is no command")


def test_a_terminal_has_its_size_and_its_shells_status(house: House, modules: Path) -> None:
    found = node(house, modules, THERE, shell="stty size; echo sum-$((6*7)); exit 5\n")["shell"]
    assert "42 133\r\n" in found["out"] and "sum-42\r\n" in found["out"]
    assert found["code"] == 5


def test_files_go_both_ways_and_what_is_not_there_is_said(
    house: House, modules: Path, tmp_path: Path
) -> None:
    here, back = tmp_path / "here", tmp_path / "back"
    there = tmp_path / "far" / "there"
    there.parent.mkdir()
    here.write_bytes(os.urandom(9_000_001))
    paths = {"here": str(here), "there": str(there), "back": str(back)}
    found = node(house, modules, THERE, files=paths)["files"]
    assert (found["size"], found["names"]) == (9_000_001, ["there"])
    assert found["missing"] == {"code": 2} and found["removed"] == {"code": 3}
    assert found["real"].startswith("/")
    digests = {hashlib.sha256(file.read_bytes()).digest() for file in (here, there, back)}
    assert len(digests) == 1


def test_the_lock_names_each_package_by_its_digest_and_no_place() -> None:
    lock = json.loads(node_modules.LOCK.read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert "node_modules/ssh2" in packages
    for one in packages.values():
        assert one["integrity"].startswith("sha512-") and "resolved" not in one
