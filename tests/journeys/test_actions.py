"""Actions as people ask them: rows, waiting, a second person, what a killed broker leaves."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint_shim.linux.clam import MARK, THREAT, asked_of, daemon, held
from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [
    pytest.mark.needs("ssh", "clamd"),
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("clamd"),
]

DEVICE, AWAY, BOTH, HELD, GONE = "act-01", "act-02", "act-03", "act-04", "act-05"
RULES = """\
  - {{name: careful, people: [alice], role: advanced, devices: [act-03],
     second_person: [scan, isolate], rights: {{approve: allow}}}}
  - {{name: beside, people: [bob], role: advanced, devices: [act-01]}}
  - {{name: held, people: [alice], role: advanced, devices: [act-04], second_person: [release]}}
  - {{name: second, people: [bob], role: basic, devices: [act-03], rights: {{approve: allow}}}}
"""


@pytest.fixture(scope="module")
def clamd() -> Iterator[Path]:
    with daemon() as place:
        yield place


@pytest.fixture(scope="module")
def house(clamd: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("actions") / "house", limits) as house:
        _careful(house)
        shim = house.enrol(DEVICE)
        (shim.state / "shim.toml").write_text(f'clamd = "{clamd}"\n', "utf-8")
        (shim.state / "shim.toml").chmod(0o600)
        house.start_shim(DEVICE)
        house.enrol(AWAY)
        house.enrol(HELD)
        house.start_shim(BOTH)
        until("the rules are read", lambda: "careful" in house.run(f"why scan {BOTH}").out)
        yield house


def _careful(house: House) -> None:
    """The rules with a device that wants a second person."""
    rules = house.home / "access.yaml"
    text = rules.read_text("utf-8")
    first = text.index("  - {name: all")
    rules.write_text(text[:first] + RULES.format() + text[first:], "utf-8")
    until("the rules are read", lambda: len(house.of_kind("rules_loaded")) == 2)


def actions(house: House, more: str = "") -> list[dict[str, Any]]:
    return list(json.loads(house.run(f"actions {more} -output json").out))


def asked(house: House, line: str, who: str = "fireline") -> tuple[int, str]:
    ran = house.run(line, host=who)
    return ran.status, ran.out + ran.err


def test_an_action_without_a_comment_is_not_asked(house: House) -> None:
    status, said = asked(house, f"on {AWAY} isolate")
    assert status == 3
    assert "isolate on act-02 needs a comment; add -comment" in said
    assert actions(house, f"-device {AWAY}") == []


def test_a_scan_finds_and_names_what_it_found(house: House, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(MARK)
    (tmp_path / "good").write_bytes(b"nothing")
    line = f"on {DEVICE} scan -path {tmp_path} -comment INC-1"
    status, said = asked(house, line)
    assert status == 0, said
    assert str(tmp_path / "bad") in said
    assert THREAT in said
    row = actions(house, f"-device {DEVICE} -type scan")[0]
    assert (row["state"], row["person"], row["comment"]) == ("Succeeded", "alice", "INC-1")
    assert row["said"] == "1 detection"
    assert THREAT in row["output"]
    timeline = json.loads(house.run(f"timeline {DEVICE} -output json").out)
    assert [r["what"] for r in timeline if r["kind"] == "detection"] == [
        f"{THREAT} in {tmp_path / 'bad'} found"
    ]


def test_a_device_without_an_engine_that_answers_says_so(house: House, tmp_path: Path) -> None:
    settings = house.shims[DEVICE].state / "shim.toml"
    before = settings.read_text("utf-8")
    settings.write_text('clamd = "/nowhere/clamd.sock"\n', "utf-8")
    try:
        status, said = asked(house, f"on {DEVICE} scan -path {tmp_path} -comment INC-2")
    finally:
        settings.write_text(before, "utf-8")
    assert status in (0, 1)
    assert actions(house, f"-device {DEVICE}")[0]["state"] in ("Succeeded", "Failed"), said


def test_what_waits_for_a_device_is_seen_taken_back_and_superseded(house: House) -> None:
    scans = ["scan -type full", "scan -type quick", "scan"]
    words = ["isolate", "isolate", "release", *scans]
    for word in words:
        status, said = asked(house, f"on {AWAY} {word} -comment INC-3")
        assert status == 0, said
        assert "pending" in said or "succeeded" in said
    rows = {r["id"]: r for r in actions(house, f"-device {AWAY}")}
    assert len(rows) == 5  # the second quick scan is the first one's row
    ordered = [rows[key] for key in sorted(rows, key=lambda k: int(k[1:]))]
    release = ordered[2]
    assert [r["state"] for r in ordered] == ["Cancelled"] * 2 + ["Pending"] * 3
    assert [r["said"] for r in ordered[:2]] == [f"superseded by {release['id']}"] * 2
    assert f"{ordered[4]['id']} is open already: scan on {AWAY}, asked by alice" in said
    assert f"{ordered[4]['id']} pending: scan, {AWAY} is offline" in said
    for row in ordered[3:]:
        status, said = asked(house, f"cancel {row['id']} -comment 'no need'")
        assert status == 0, said
    row = actions(house, f"-device {AWAY} -type scan")[0]
    assert (row["state"], row["by_comment"]) == ("Cancelled", "no need")
    assert actions(house, f"-device {AWAY} -state open") == [release]
    filters = ("-person Alice", "-since 1h", "-person bob", "-since 0s")
    assert [len(actions(house, f"-device {AWAY} {only}")) for only in filters] == [5, 5, 0, 0]


def test_the_first_screen_says_that_actions_wait(house: House) -> None:
    asked(house, f"on {AWAY} isolate -comment INC-8")
    with Screen(house.ssh("", "-tt")[:-1], columns=100) as s:
        s.until(rf"^{AWAY} .*offline, 1 action queued")
        s.enter(f"on {AWAY} scan")
        s.until(rf"^Comment for scan on {AWAY} \(empty: nothing happens\):")
        s.enter("")
        s.until(rf"^refused: no comment, so scan on {AWAY} was not asked")
        s.enter("exit")
    asked(house, f"cancel {actions(house, f'-device {AWAY} -state open')[0]['id']}")
    assert actions(house, f"-device {AWAY} -state open") == []


def test_a_device_that_is_killed_in_the_middle_leaves_the_truth(
    house: House, clamd: Path, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    line = f"on {DEVICE} scan -path {tmp_path} -comment INC-9"
    with held(clamd) as before:
        scanning = subprocess.Popen(house.ssh(line), stdout=subprocess.DEVNULL)
        try:
            # In progress is before its device hears of it: what has not begun there waits for it.
            until("it runs there", lambda: asked_of(clamd) > before)
            house.kill_shim(DEVICE)
            house.start_shim(DEVICE)
            until("it ended", lambda: actions(house, f"-device {DEVICE} -state open") == [])
            assert scanning.wait(20) == 1
        finally:
            scanning.kill()
            scanning.wait()
    row = actions(house, f"-device {DEVICE}")[0]
    assert row["state"] in ("Failed", "Cancelled"), row
    assert row["said"]


def test_who_joined_anothers_scan_ends_his_own_waiting_alone(
    house: House, clamd: Path, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    line = f"on {DEVICE} scan -path {tmp_path} -comment INC-10"
    with held(clamd) as before:
        scanning = subprocess.Popen(house.ssh(line), stdout=subprocess.DEVNULL)
        until("it runs there", lambda: asked_of(clamd) > before)
        with Screen(house.ssh(line, "-tt", host="fireline-basic"), columns=120) as s:
            s.until(rf"waiting for {DEVICE}, ")
            s.type("\x03")
            assert s.status() == 130
            row = actions(house, f"-device {DEVICE}")[0]
            assert f"{row['id']} goes on for alice, who asked it; only your waiting" in s.all_text
        assert (row["state"], row["person"]) == ("InProgress", "alice")
    assert scanning.wait(30) == 0
    assert actions(house, f"-device {DEVICE}")[0]["state"] == "Succeeded"


def test_an_action_behind_the_prompt_tells_its_end_and_one_before_it_is_stopped(
    house: House, clamd: Path, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} />$")
        s.enter(f"scan -path {tmp_path} -comment INC-12 &")
        s.until(rf"^job 1 completed: scan on {DEVICE}, 0 rows, \d+\.\d s; status 1 shows them$")
        with held(clamd) as before:
            s.enter(f"scan -path {tmp_path} -comment INC-12")
            until("it runs there", lambda: asked_of(clamd) > before)
            s.until(rf"waiting for {DEVICE}, ")
            s.type("\x03")
            s.until(rf"^\^C stopping on {DEVICE}$")
            s.until(
                rf"^cancelled: A\d+: scan stopped on {DEVICE} while running, \d+ s; 0 rows kept, "
            )
        (ended,) = [line for line in s.lines if line.startswith("cancelled: ")]
        assert ended.endswith(" s, #2") and ended.count("#") == 1, ended
        s.enter("exit")


def test_a_second_person_answers_exactly_what_was_asked(house: House, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    status, said = asked(house, f"on {BOTH} scan -path {tmp_path} -comment INC-4")
    assert status == 0
    assert "waits for a second person" in said
    row = actions(house, f"-device {BOTH}")[0]
    assert (row["state"], row["approval"]) == ("Pending", "needed")
    status, said = asked(house, f"approve {row['id']}")
    assert (status, "your own" in said) == (3, True), said
    status, said = asked(house, f"approve {row['id']} -digest {'0' * 64}", "fireline-basic")
    assert (status, "another one" in said) == (3, True), said
    status, said = asked(house, f"approve {row['id']}", "fireline-auditor")
    assert status in (3, 4), said
    line = f"approve {row['id']} -digest {row['sha256']} -comment 'seen the host'"
    status, said = asked(house, line, "fireline-basic")
    assert status == 0, said

    def over() -> bool:
        return actions(house, f"-device {BOTH}")[0]["state"] not in ("Pending", "InProgress")

    until("it has run", over)
    row = actions(house, f"-device {BOTH}")[0]
    assert (row["approval"], row["by"], row["by_comment"]) == ("given", "bob", "seen the host")
    assert re.search(
        r"^by_comment +seen the host$", house.run(f"actions show {row['id']}").out, re.M
    )
    answers = [r for r in house.of_kind("action_changed") if f"A{r['action']}" == row["id"]]
    assert {r["by_comment"] for r in answers if r["approval"] == "given"} == {"seen the host"}
    told = [r["what"] for r in house.rows(f"timeline {BOTH}") if r["where"] == row["id"]]
    assert [what for what in told if "Pending, approval given" in what] == [
        f"{row['command']} Pending, approval given by bob (seen the host)"
    ]


def test_who_asks_for_another_scan_than_the_one_that_waits_gets_his_own(house: House) -> None:
    for line in ("scan -path /tmp/other", "scan"):
        status, said = asked(house, f"on {BOTH} {line} -comment INC-4")
        assert (status, "open already" in said) == (0, False), said
    status, said = asked(house, f"on {BOTH} scan -comment INC-4")
    second, first = actions(house, f"-device {BOTH} -state open")
    assert [first["command"], second["command"]] == ["scan -path /tmp/other", "scan"]
    assert f"{second['id']} is open already" in said
    assert "waits for a second person" in said
    for row in (first, second):
        assert asked(house, f"cancel {row['id']}")[0] == 0


def test_a_second_person_may_say_no(house: House) -> None:
    asked(house, f"on {BOTH} isolate -comment INC-5")
    row = actions(house, f"-device {BOTH}")[0]
    status, said = asked(house, f"deny {row['id']} -reason 'not this one'", "fireline-basic")
    assert status == 0, said
    row = actions(house, f"-device {BOTH}")[0]
    assert (row["state"], row["approval"]) == ("Cancelled", "denied")
    assert row["error"] == "rejected by bob: not this one"
    assert row["generation"] == 0  # nothing was wished


def test_people_at_their_consoles_hear_of_what_waits_and_of_its_end(house: House) -> None:
    waits = rf"waits for a second person: isolate on {BOTH}, asked by alice; actions show A"
    with (
        Screen(house.ssh("", "-tt")[:-1], columns=130) as alice,
        Screen(house.ssh("", "-tt", host="fireline-basic")[:-1], columns=130) as bob,
    ):
        alice.until(r"^fireline>")
        bob.until(r"^fireline>")
        asked(house, f"on {BOTH} isolate -comment INC-11")
        row = actions(house, f"-device {BOTH}")[0]
        bob.until(rf"^{row['id']} {waits}")
        assert row["said"].startswith("waits for a second person: approve ")
        with Screen(house.ssh("", "-tt", host="fireline-basic")[:-1], columns=130) as later:
            later.until(r"^fireline>")
            assert re.search(rf"^{row['id']} {waits}", later.text, re.MULTILINE), later.text
        bob.enter(f"deny {row['id']} -reason 'not now'")
        alice.until(rf"^{row['id']} cancelled: isolate on {BOTH}: rejected by bob: not now$")
        assert "waits for a second person" not in alice.all_text


def test_who_approves_reads_an_action_as_it_would_be_typed(house: House) -> None:
    asked(house, f"on {BOTH} scan -path '/tmp/x -type quick' -comment INC-6")
    shown = house.run(f"actions show {actions(house)[0]['id']}").out
    assert re.search(r"^command +scan -path '/tmp/x -type quick'$", shown, re.MULTILINE), shown
    assert re.search(r"^sha256 +[0-9a-f]{64}$", shown, re.MULTILINE), shown
    asked(house, f"cancel {actions(house)[0]['id']}")


@pytest.mark.parametrize("wrong", ["-state Pendign", "-type processes", "-type nosuch"])
def test_a_state_or_a_word_that_there_is_not_is_no_empty_list(house: House, wrong: str) -> None:
    status, said = asked(house, f"actions {wrong}")
    assert (status, "not understood" in said) == (2, True), said


def test_rules_that_are_not_there_are_said_before_anything_waits(house: House) -> None:
    before = actions(house)
    line = f"on {BOTH} isolate -type selective -rules nosuch -comment INC-6"
    status, said = asked(house, line)
    assert (status, "no set of rules is called nosuch" in said) == (2, True), said
    assert actions(house) == before


def test_rules_that_are_gone_at_the_approval_end_the_action(house: House) -> None:
    rules = house.home / "isolation.yaml"
    rules.write_text("office: [{name: mail, network: 192.0.2.1/32}]\n", "utf-8")
    line = f"on {BOTH} isolate -type selective -rules office -comment INC-7"
    status, said = asked(house, line)
    assert status == 0, said
    rules.unlink()
    label = actions(house, f"-device {BOTH}")[0]["id"]
    asked(house, f"approve {label}", "fireline-basic")
    row = actions(house, f"-device {BOTH}")[0]
    assert (row["id"], row["state"]) == (label, "Failed"), row
    assert "no set of rules is called office" in row["said"]


def test_who_needs_another_for_release_needs_one_for_a_time_to_live_too(house: House) -> None:
    asked(house, f"on {HELD} isolate -comment INC-8")
    held = actions(house, f"-device {HELD}")[0]
    assert (held["approval"], held["generation"]) == ("", 1)
    for opens in ("-ttl 1s", "-type selective"):
        status, said = asked(house, f"on {HELD} isolate {opens} -comment INC-8")
        assert (status, "waits for a second person" in said) == (0, True), said
        row = actions(house, f"-device {HELD}")[0]
        assert (row["approval"], row["generation"]) == ("needed", 0)


def test_an_action_of_a_device_that_one_may_not_see_does_not_exist(house: House) -> None:
    status, said = asked(house, "actions show A999999")
    assert status == 1
    assert "no action A999999 that you may see" in said


def test_a_timeline_has_what_was_refused_before_any_session_opened(house: House) -> None:
    """Who may only read asks for an action, by its device and by a selector: no session opens."""
    asked(house, f"on {HELD} release -comment no", "fireline-basic")
    asked(house, f"on {AWAY},{HELD} isolate -devices 2 -comment many", "fireline-basic")
    rows = json.loads(house.run(f"timeline {HELD} -output json").out)
    refused = [row for row in rows if row["kind"] == "refusal" and row["person"] == "bob"]
    lines = ["release -comment no", "isolate -devices 2 -comment many"]
    assert [row["what"].partition(": refused: ")[0] for row in refused] == lines, rows
    assert all(f"{HELD} needs advanced" in row["what"] for row in refused)


def test_what_was_asked_of_a_device_outlives_it(house: House) -> None:
    house.enrol(GONE)
    asked(house, f"on {GONE} scan -comment 'INC-9 gone'")
    assert house.admin(f"revoke {GONE}")[0] == 0
    assert actions(house, f"-device {GONE}")[0]["comment"] == "INC-9 gone"
    status, said = asked(house, f"timeline {GONE}")
    assert (status, "scan Pending" in said) == (0, True), said
    status, said = asked(house, f"on {GONE} scan -comment again")
    assert status == 4, said
    gone = house.shims.pop(GONE)
    gone.state.rename(gone.state.with_name("gone"))
    house.enrol(GONE)
    _, said = asked(house, f"timeline {GONE}")
    assert said.count(f"enrolled as {GONE}") == 2 and "scan Pending" in said, said
    assert actions(house, f"-device {GONE}")[0]["comment"] == "INC-9 gone"


def test_what_nobody_answers_and_no_device_takes_ends_by_itself(tmp_path: Path) -> None:
    limits = {"reserve_bytes": 1 << 20, "queue_s": 0.5, "approval_s": 0.5}
    with House(tmp_path / "house", limits) as house:
        _careful(house)
        house.enrol(AWAY)
        house.enrol(HELD)
        house.enrol(BOTH)
        for device, word in ((AWAY, "scan"), (BOTH, "isolate"), (AWAY, "isolate")):
            status, said = asked(house, f"on {device} {word} -comment INC-7")
            assert (status, "pending" in said) == (0, True), said
        until("they end", lambda: len(actions(house, "-state open")) == 1)
        ended = {(r["device"], r["type"]): r for r in actions(house)}
    assert ended[AWAY, "scan"]["state"] == "TimeOut"
    assert ended[BOTH, "isolate"]["approval"] == "lapsed"
    assert ended[BOTH, "isolate"]["error"] == "rejected: nobody approved it in time"
    assert ended[AWAY, "isolate"]["state"] == "Pending"  # what a device is to be does not expire


def test_a_killed_broker_forgets_no_action(house: House, tmp_path: Path) -> None:
    status, said = asked(house, f"on {AWAY} scan -path {tmp_path} -comment INC-6")
    assert status == 0, said
    asked(house, f"on {AWAY} scan -path {tmp_path / 'second'} -comment INC-6")
    before = actions(house)
    house.kill_broker()
    house.start_broker()
    assert actions(house) == before
    house.start_shim(AWAY)
    waits = f"-device {AWAY} -type scan -state open"
    until("what waited has run", lambda: actions(house, waits) == [], 60)
    second, first = actions(house, f"-device {AWAY} -type scan")[:2]
    assert second["command"].endswith("/second") and second["ended"], second
    assert first["ended"] <= second["started"]  # first in, first out
