"""One person changes so many devices a day alone; on one more he waits for a second person."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.rig import Ran
from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh", "sftp"), pytest.mark.timeout(120)]

CAREFUL = """\
  - {name: careful, people: [alice], role: advanced, devices: [web-02], second_person: [getfile],
     rights: {approve: allow}}
  - {name: bobs, people: [bob], role: advanced, devices: [web-01], second_person: [shell]}
"""
SCRIPT = b'#!/bin/sh\necho "out $1"; echo err >&2; [ -z "$3" ] || touch "$3"; exit $2\n'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20, "changed_devices_per_day": 1}
    house = House(tmp_path_factory.mktemp("radius") / "h", limits)
    house.make()
    rules = house.home / "access.yaml"
    text = rules.read_text("utf-8").replace("rules:\n", f"rules:\n{CAREFUL}", 1)
    basic = "role: basic, devices: all"
    rules.write_text(text.replace(basic, f"{basic}, rights: {{approve: allow}}"), "utf-8")
    house.start_broker()
    try:
        for name in ("web-01", "web-02"):
            house.start_shim(name)
        house.enrol("db-01")  # never started: an action on it never begins
        for name, script in (("fine.sh", b"#!/bin/sh\necho fine\n"), ("args.sh", SCRIPT)):
            added = house.run(f"library add {name}", stdin=script)
            assert added.status == 0, added.err
        assert house.run("on web-01 run fine.sh").status == 0
        yield house
    finally:
        house.__exit__()


def sftp(house: House, batch: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sftp", "-F", str(house.state / "ssh_config"), "-b", "-", "fireline"],
        input=f"{batch}\n", text=True, capture_output=True, check=False,
    )  # fmt: skip


def asked(ran: Ran) -> str:
    """The action that it made."""
    found = re.search(r"\bA[0-9]+\b", ran.err)
    assert found is not None, ran.err
    return found[0]


def row(house: House, action: str) -> dict[str, Any]:
    rows = json.loads(house.run(f"actions show {action} -output json").out)
    return dict(rows[0])


def over(house: House, action: str) -> dict[str, Any]:
    until(f"{action} is over", lambda: row(house, action)["ended"] is not None)
    return row(house, action)


def test_a_further_device_is_changed_by_no_way_in_alone(house: House, tmp_path: Path) -> None:
    before = house.started()
    for ran in (
        house.run("on web-02 run fine.sh"),
        house.run("connect web-02", stdin=b"run fine.sh\n"),
        house.run("shell web-02", stdin=b"echo no\n"),
    ):
        assert (ran.status, "needs a comment" in ran.err) == (3, True), ran
    assert house.started() == before + 2  # they made no action, for want of a comment
    (tmp_path / "file").write_text("no\n")
    place = tmp_path / "written"
    put = sftp(house, f"put {tmp_path / 'file'} /devices/web-02/root{place}")
    assert put.returncode != 0 and "you have changed 1 device within 24 h; putfile" in put.stderr
    assert not place.exists()


def test_reading_and_the_same_device_again_are_not_bounded(house: House) -> None:
    assert house.run("on web-02 dir /").status == 0
    assert house.run("on web-* dir /").status == 0
    assert house.run("on web-01 run fine.sh").status == 0


def test_a_selector_over_the_number_is_refused_before_the_first_device(house: House) -> None:
    before = house.started()
    ran = house.run("on web-* run fine.sh -devices 2")
    assert ran.status == 3 and "that needs them by name, by commas, and a second person" in ran.err
    ran = house.run("on web-01,web-02 run fine.sh -devices 2")
    assert ran.status == 3 and "run on 2 devices needs a comment" in ran.err
    assert house.started() == before


def test_a_script_runs_exactly_as_somebody_else_approved_it(house: House, tmp_path: Path) -> None:
    marks = [tmp_path / "one", tmp_path / "two"]
    lines = [f"run args.sh '{n} ;x' {n} {marks[n]} -comment INC-4" for n in (0, 1)]
    first, second = [house.run(f"on web-02 {line}") for line in lines]
    assert first.status == second.status == 0 and first.out == ""
    assert "run args.sh@1 '0 ;x' 0 " in first.err
    assert "on web-02 waits for a second person: approve A" in first.err
    again = house.run(f"on web-02 {lines[0]}")
    assert (again.status, asked(again)) == (0, asked(first)) and "is open already" in again.err
    assert row(house, asked(first))["approval"] == "needed"
    house.run("library add args.sh", stdin=b"#!/bin/sh\ntouch /tmp/never\n")
    own = house.run(f"approve {asked(first)}")
    assert own.status == 3 and "is your own" in own.err
    assert not any(mark.exists() for mark in marks)
    for ran in (first, second):
        approved = house.run(f"approve {asked(ran)}", host="fireline-basic")
        assert approved.status == 0, approved.err
    good, bad = over(house, asked(first)), over(house, asked(second))
    assert all(mark.exists() for mark in marks)
    assert (good["state"], bad["state"]) == ("Succeeded", "Failed")
    assert bad["error"] == "args.sh v1 ended with exit code 1"
    assert good["output"].endswith("; ends: out 0 ;x | err")
    place, _, sha256 = good["output"].partition(";")[0].partition(" sha256 ")
    got = sftp(house, f"get {place} {tmp_path / 'got'}")
    assert got.returncode == 0, got.stderr
    rows = json.loads((tmp_path / "got").read_text("utf-8"))
    assert rows == [{"stdout": "out 0 ;x\n", "stderr": "err\n", "exit_code": 0}]
    taken = house.of_kind("evidence_taken", good["ran_in"])
    assert [one["sha256"] for one in taken] == [sha256]


def test_a_script_that_was_taken_away_is_not_run_by_another_of_its_name(house: House) -> None:
    house.run("library add gone.sh", stdin=b"#!/bin/sh\necho one\n")
    waits = asked(house.run("on web-02 run gone.sh -comment INC-5"))
    assert house.run("library delete gone.sh").status == 0
    house.run("library add gone.sh", stdin=b"#!/bin/sh\necho two\n")
    assert house.run(f"approve {waits}", host="fireline-basic").status == 0
    ended = over(house, waits)
    assert (ended["state"], "has no version 1" in ended["error"]) == ("Failed", True), ended


def test_of_several_devices_those_that_are_too_many_wait(house: House) -> None:
    ran = house.run("on web-01,web-02 run fine.sh -devices 2 -comment INC-6")
    assert (ran.status, ran.out) == (0, "web-01: fine\n")
    assert "web-02: A" in ran.err and "waits for a second person" in ran.err
    with Screen(house.ssh("", "-tt")[:-1], columns=100, rows=40) as s:
        s.until(r"^fireline>$")
        s.enter("on web-01,web-02 run fine.sh -comment INC-6")
        s.until(r"web-01 web-02; 1 of them waits for a second person$")
        s.enter("2")
        s.until(r"^of 2 devices 1 answered, 1 queued, [\d.]+ s, #1$")
        s.type("\x04")
        s.status()
    denied = house.run(f"deny {asked(ran)} -reason no", host="fireline-basic")
    assert denied.status == 0, denied.err


def test_a_shell_opens_once_by_somebody_elses_yes(house: House) -> None:
    line = "on -comment INC-7 web-02 exec echo hello"
    first = house.run(line)
    assert first.status == 3
    assert "exec on web-02 needs a second person (you have changed 1 device" in first.err
    waits = asked(first)
    assert asked(house.run(line)) == waits
    assert asked(house.run("on -comment INC-7 web-02 exec echo other")) != waits
    with Screen(house.ssh("", "-tt")[:-1], columns=100, rows=40) as s:
        s.until(r"^fireline>$")
        s.enter("connect web-02")
        s.until(r"^web-02 />$")
        yes = house.run(f"approve {waits}", host="fireline-basic")
        assert yes.status == 0 and "who types it again within 60 m" in yes.err + yes.out
        s.until(rf"^{waits} approved by bob; type it again within 60 m \(exec echo hello on web-02")
        s.type("\x04\x04")
        s.status()
    assert (row(house, waits)["state"], row(house, waits)["approval"]) == ("Pending", "given")
    ran = house.run(line)
    assert (ran.status, ran.out) == (0, "hello\n"), ran.err
    ended = over(house, waits)
    assert (ended["state"], ended["ran_in"] != "") == ("Succeeded", True)
    assert house.run(line).status == 3  # a yes opens it once


def test_what_a_rule_wants_a_second_person_for_sftp_does_not_give(
    house: House, tmp_path: Path
) -> None:
    got = sftp(house, f"get /devices/web-02/root/etc/hostname {tmp_path / 'got'}")
    assert got.returncode != 0 and "getfile on web-02 needs a second person (rule" in got.stderr
    waits = asked(house.run("on web-02 getfile hostname -comment INC-8", "-n"))
    assert house.run("cancel " + waits).status == 0
    lines = b"cd /etc\ngetfile hostname -comment INC-8\n"
    waits = asked(house.run("connect web-02", stdin=lines))
    assert row(house, waits)["folder"] == "/etc"
    assert house.run(f"approve {waits}", host="fireline-basic").status == 0
    ended = over(house, waits)
    assert ended["state"] == "Succeeded", ended
    place = ended["output"].partition(" ")[0]
    assert sftp(house, f"get {place} {tmp_path / 'got'}").returncode == 0
    assert (tmp_path / "got").read_bytes() == Path("/etc/hostname").read_bytes()
    why = house.run("why getfile web-02").out
    assert "it begins when a second person has approved it (rule careful, access.yaml" in why


def test_nobody_gets_a_shell_by_being_let_in_that_he_may_not_open_alone(house: House) -> None:
    with Screen(house.ssh("connect web-01", "-tt"), columns=100, rows=40) as a:
        a.until(r"^web-01 />$")
        a.enter("shell")
        a.until(r"[#$]$")
        a.type(b"\x1d")
        a.until(lambda s: s.lines[s.screen.cursor.y].startswith("web-01 "))
        session = house.sessions()[-1]
        with Screen(house.ssh("", "-tt", host="fireline-basic")[:-1], columns=100) as b:
            b.until(r"^fireline>$")
            b.enter(f"attach {session} -ask")
            a.until(rf"^bob asks to take over {session}: letin bob, or -no$")
            a.enter("letin bob")
            a.until(r"^refused: bob may not shell on web-01 by himself; cancel \d+ first$")


def test_an_action_over_the_number_waits_for_a_second_person(house: House) -> None:
    ran = house.run("on db-01 isolate -comment INC-1")
    assert ran.status == 0 and "waits for a second person: approve A" in ran.err + ran.out
    assert house.run("on isolated dir /").status == 4
    assert house.run(f"cancel {asked(ran)}").status == 0


def test_a_restart_of_the_broker_forgets_nothing(house: House) -> None:
    house.kill_broker()
    before = len(house.records())
    house.start_broker()
    house.wait_online("web-02", before)
    ran = house.run("on web-02 run fine.sh -comment INC-9")
    assert ran.status == 0 and "waits for a second person" in ran.err
