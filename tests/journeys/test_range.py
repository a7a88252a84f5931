"""The range, as a person tries it: a device that is really cut off, and nothing of this machine."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.rig import until
from tests.journeys.screen import Screen

pytestmark = [
    pytest.mark.needs("ssh", "ip", "nft", "unshare", "ping"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("range"),
]
PROGRAM = (sys.executable, "-I", "-m", "server.operator.demo_range")


@dataclass
class Range:
    """It is up; its words are those of range.json."""

    state: Path
    netns: str
    web: str
    attacker: str

    def ask(self, line: str) -> str:
        ran = self.ran(line)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def ran(self, line: str) -> "subprocess.CompletedProcess[str]":
        argv = ["ssh", "-F", str(self.state / "ssh_config"), "fireline", line]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    def inside(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        whole = ["ip", "netns", "exec", self.netns, *argv]
        return subprocess.run(whole, capture_output=True, text=True, timeout=30, check=False)

    def reaches_the_web(self) -> bool:
        return self.inside("curl", "-s", "-m", "2", self.web).returncode == 0

    def log(self) -> str:
        return (self.state / "outside.log").read_text("utf-8")

    def table(self) -> str:
        return self.inside("nft", "list", "ruleset").stdout


def said(what: str, state: Path) -> str:
    ran = subprocess.run(
        [*PROGRAM, what, "--state", str(state)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    state = tmp_path_factory.mktemp("range") / "state"
    said("up", state)
    try:
        yield Range(state, **json.loads((state / "range.json").read_text("utf-8")))
    finally:
        said("down", state)
        names = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
        assert state.name not in names
        assert not (state / "range.json").exists()


def test_isolated_the_attacker_dies_and_the_session_goes_on(here: Range) -> None:
    until("the attacker has his shell", lambda: "a shell has connected" in here.log())
    assert here.reaches_the_web()
    argv = ["ssh", "-F", str(here.state / "ssh_config"), "-tt", "fireline", "connect range"]
    with Screen(argv, columns=120) as s:
        s.until(r"^state   not isolated, not restricted")
        s.enter("isolate -comment 'INC-1 beacon'")
        s.until(r"^isolate -type full on range: nothing passes but this broker and DHCP")
        s.until(r"Type the device's name to isolate it \(Enter: no\):")
        s.enter("range")
        s.until(r"^A\d+ succeeded: range isolated, broker reached anew; .*undo: release", 30)
        s.until(r"^range \[isolated\] />")
        assert not here.reaches_the_web()
        until("the shell is dead", lambda: re.search("is gone|does not answer", here.log()), 30)
        s.enter("pwd")
        s.until(r"^/$")
        s.enter("exit")
    assert "yes" in here.ask("devices")
    assert here.inside("ping", "-c", "1", "-W", "1", here.attacker.split(":")[0]).returncode != 0


def test_rules_that_somebody_flushes_are_back_and_it_is_told(here: Range) -> None:
    before = here.table()
    assert "fireline_isolation" in before
    here.inside("nft", "flush", "ruleset")
    until("it is mended", lambda: here.table() == before, 10)
    until("it is told", lambda: "tampering" in here.ask("timeline range"), 10)


def test_a_question_that_was_answered_is_no_refusal(here: Range) -> None:
    lines = [line for line in here.ask("timeline range").splitlines() if " isolate" in line]
    assert any(" question " in line and "isolate -type full on range" in line for line in lines)
    assert not any(" refusal " in line for line in lines), lines


def test_the_devices_own_door_leads_to_the_range(here: Range) -> None:
    argv = ["ssh", "-F", str(here.state / "ssh_config"), "fireline-device", "echo here"]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "here\n", ran.stderr


def test_tags_can_be_tried(here: Range) -> None:
    here.ask("on range tag add Tried")
    assert "Tried" in here.ask("on tag:tried tag list")


def test_enter_is_no(here: Range) -> None:
    argv = ["ssh", "-F", str(here.state / "ssh_config"), "-tt", "fireline"]
    with Screen(argv, columns=120) as s:
        s.until(r"^fireline>")
        s.enter("on range restrict -comment no")
        s.until(r"Type the device's name to restrict it \(Enter: no\):")
        s.enter("")
        s.until(r"^refused: restrict was not confirmed; nothing was done")
        s.enter("exit")


def test_restricted_an_unknown_program_does_not_start(here: Range) -> None:
    here.ask("on range restrict -comment INC-1")
    try:
        copied = "cp /bin/true /opt/unknown && /opt/unknown; echo status $?"
        assert "status 126" in here.ask(f"on range exec {copied}")
        until("it is told", lambda: "/opt/unknown was not started" in here.ask("timeline range"))
        here.ran("on range exec pkill -KILL -o -f linux.enforcer; /opt/unknown")
        again = "on range exec /opt/unknown; echo status $?"
        until("it is held again", lambda: "status 126" in here.ask(again))
        until("so is that", lambda: "the enforcer ended" in here.ask("timeline range"))
    finally:
        here.ask("on range unrestrict -comment INC-1")
    assert "status 0" in here.ask("on range exec /opt/unknown; echo status $?")


def test_released_nothing_of_it_is_left(here: Range) -> None:
    here.ask("on range release -comment over")
    assert here.table().strip() == ""
    assert here.reaches_the_web()


def test_this_machine_has_nothing_of_it(here: Range) -> None:
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout
    assert "fireline" not in rules
    assert not Path("/opt/unknown").exists()
