"""The range, as a person tries it: a device that is really cut off, and nothing of this machine."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.endpoint_shim.linux import cgroups
from tests.journeys.ranges import Range
from tests.journeys.rig import until
from tests.journeys.screen import Screen

pytestmark = [
    pytest.mark.needs("ssh", "ip", "nft", "unshare", "ping"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("range"),
]


def test_isolated_the_attacker_dies_and_the_session_goes_on(range_device: Range) -> None:
    until("the attacker has his shell", lambda: "a shell has connected" in range_device.log())
    assert range_device.reaches_the_web()
    argv = ["ssh", "-F", str(range_device.state / "ssh_config"), "-tt", "fireline", "connect range"]
    with Screen(argv, columns=120) as s:
        s.until(r"^state   not isolated, not restricted")
        s.enter("isolate -comment 'INC-1 beacon'")
        s.until(r"^isolate -type full on range: nothing passes but this broker and DHCP")
        s.until(r"Type the device's name to isolate it \(Enter: no\):")
        s.enter("range")
        s.until(
            r"^A\d+ succeeded: range isolated in \d+\.\d s, broker reached anew; .*undo: release",
            30,
        )
        s.until(r"^range \[isolated\] />")
        assert not range_device.reaches_the_web()
        until(
            "the shell is dead",
            lambda: re.search("is gone|does not answer", range_device.log()),
            30,
        )
        s.enter("pwd")
        s.until(r"^/$")
        s.enter("exit")
    assert "yes" in range_device.ask("devices")
    assert (
        range_device.inside(
            "ping", "-c", "1", "-W", "1", range_device.attacker.split(":")[0]
        ).returncode
        != 0
    )


def test_rules_that_somebody_flushes_are_back_and_it_is_told(range_device: Range) -> None:
    before = range_device.table()
    assert "fireline_isolation" in before
    range_device.inside("nft", "flush", "ruleset")
    until("it is mended", lambda: range_device.table() == before, 10)
    until("it is told", lambda: "tampering" in range_device.ask("timeline range"), 10)


def test_a_question_that_was_answered_is_no_refusal(range_device: Range) -> None:
    lines = [line for line in range_device.ask("timeline range").splitlines() if " isolate" in line]
    assert any(" question " in line and "isolate -type full on range" in line for line in lines)
    assert not any(" refusal " in line for line in lines), lines


def test_the_devices_own_door_leads_to_the_range(range_device: Range) -> None:
    argv = ["ssh", "-F", str(range_device.state / "ssh_config"), "fireline-device", "echo here"]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "here\n", ran.stderr


def test_tags_can_be_tried(range_device: Range) -> None:
    range_device.ask("on range tag add Tried")
    assert "Tried" in range_device.ask("on tag:tried tag list")


def test_enter_is_no(range_device: Range) -> None:
    argv = ["ssh", "-F", str(range_device.state / "ssh_config"), "-tt", "fireline"]
    with Screen(argv, columns=120) as s:
        s.until(r"^range .*isolated")
        s.until(r"^fireline>")
        s.enter("connect range")
        s.until(r"^state   isolated, not restricted")
        s.enter("disconnect")
        s.until(r"^fireline>")
        s.enter("on range restrict -comment no")
        s.until(r"Type the device's name to restrict it \(Enter: no\):")
        s.enter("")
        s.until(r"^refused: restrict was not confirmed; nothing was done")
        s.enter("exit")


@pytest.mark.needs("clamscan")
def test_a_scan_has_something_to_find(range_device: Range) -> None:
    """Isolated too, and whether or not this machine has signatures."""
    said = range_device.ran("on range scan -path /root/eicar.com -comment INC-1")
    assert (said.returncode, said.stdout.count("/root/eicar.com")) == (0, 1), said
    found = [
        line for line in range_device.ask("timeline range").splitlines() if "eicar.com" in line
    ]
    assert any(" detection " in line for line in found), found


def test_restricted_an_unknown_program_does_not_start(range_device: Range) -> None:
    range_device.ask("on range restrict -comment INC-1")
    try:
        copied = "cp /bin/true /opt/unknown && /opt/unknown; echo status $?"
        assert "status 126" in range_device.ask(f"on range exec {copied}")
        until(
            "it is told",
            lambda: "/opt/unknown was not started" in range_device.ask("timeline range"),
        )
        range_device.ran("on range exec pkill -KILL -o -f linux.enforcer; /opt/unknown")
        again = "on range exec /opt/unknown; echo status $?"
        until("it is held again", lambda: "status 126" in range_device.ask(again))
        until("so is that", lambda: "the enforcer ended" in range_device.ask("timeline range"))
    finally:
        range_device.ask("on range unrestrict -comment INC-1")
    assert "status 0" in range_device.ask("on range exec /opt/unknown; echo status $?")


def test_released_nothing_of_it_is_left(range_device: Range) -> None:
    range_device.ask("on range release -comment over")
    assert range_device.table().strip() == ""
    assert range_device.reaches_the_web()


@pytest.mark.skipif(
    not Path("/var/lib/dpkg/info/curl.list").exists(), reason="curl is no package of dpkg here"
)
def test_a_package_of_the_rules_passes_and_nothing_else(range_device: Range) -> None:
    port = range_device.web.rstrip("/").rpartition(":")[2]
    own = range_device.state / "broker/isolation.yaml"
    own.write_text(f"web: [{{name: curl, package: curl, protocol: tcp, ports: [{port}]}}]\n")
    range_device.ask("on range exec cp /usr/bin/curl /opt/other")
    curl = ("curl", "-s", "-m", "2", range_device.web)
    try:
        said = range_device.ask("on range isolate -type selective -rules web -comment INC-1")
        assert re.search(
            r"range isolated but for its rules in \d+\.\d s, broker reached anew; ", said
        )
        assert range_device.started("/usr/bin/curl", *curl[1:]) == 0
        assert range_device.started("/opt/other", *curl[1:]) == 28
        assert not range_device.reaches_the_web()
    finally:
        range_device.ask("on range release -comment INC-1")
        own.unlink()
    assert not cgroups.of(range_device.netns).exists()


def test_this_machine_has_nothing_of_it(range_device: Range) -> None:
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout
    assert "fireline" not in rules
    assert not Path("/opt/unknown").exists()
