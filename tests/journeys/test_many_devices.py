"""`on` over several devices: one result, one question, one journal; three shims and one offline."""

import csv
import io
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

ONLINE = ["web-01", "web-02", "web-03"]
AT_ONCE = 2


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20, "devices_at_once": AT_ONCE}
    house = House(tmp_path_factory.mktemp("many") / "h", limits)
    house.make()
    rules = house.home / "access.yaml"
    rules.write_text(rules.read_text().replace("library: write", "library: write, tags: write"))
    house.start_broker()
    try:
        for name in ONLINE:
            house.start_shim(name)
        house.enrol("db-01")
        for name, script in (("fails.sh", "exit 3"), ("fine.sh", "echo out; echo err >&2")):
            added = house.run(f"library add {name}", stdin=f"#!/bin/sh\n{script}\n".encode())
            assert added.status == 0, added.err
        yield house
    finally:
        house.__exit__()


def chosen(house: House) -> dict[str, Any]:
    """The newest `on` over several devices, as its desk session's journal has it."""
    for session in reversed(house.sessions()):
        if found := house.of_kind("devices_chosen", session):
            ended = house.of_kind("devices_ended", session)
            return {"session": session, **found[0], "outcomes": ended[0]["outcomes"]}
    raise AssertionError("no journal has one")


def test_rows_of_all_have_their_device_first_and_who_is_offline_is_a_line(house: House) -> None:
    ran = house.run("on all processes -pid 1")
    titles, *lines = ran.out.splitlines()
    assert titles.split()[:3] == ["device", "name", "pid"]
    assert sorted(line.split()[0] for line in lines) == ONLINE
    assert (ran.status, ran.err) == (4, "db-01: unreachable: offline, it has never been seen\n")


def test_json_is_one_array_with_the_device_in_each_row(house: House) -> None:
    ran = house.run("on all processes -pid 1 -output json")
    rows = json.loads(ran.out)
    assert ran.status == 4
    assert [list(row)[:3] for row in rows] == [["device", "name", "pid"]] * 3
    assert sorted(row["device"] for row in rows) == ONLINE
    error = json.loads(ran.err)["error"]
    assert (error["code"], error["device"]) == ("unreachable", "db-01")


def test_csv_has_its_titles_once_and_no_row_gives_titles_and_brackets(house: House) -> None:
    ran = house.run("on web-* processes -pid 1 -output csv")
    titles, *rows = csv.reader(io.StringIO(ran.out))
    assert ran.status == 0 and titles[:2] == ["device", "name"]
    assert sorted(row[0] for row in rows) == ONLINE
    none = house.run("on web-* processes -name no-such -output csv")
    assert none.status == 0 and none.out.startswith("device,name,") and none.out.count("\n") == 1
    assert house.run("on web-* processes -name no-such -output json").out == "[\n]\n"


def test_a_list_has_the_device_of_each_record_first(house: House) -> None:
    ran = house.run("on web-01,web-02 processes -pid 1 -output list")
    assert ran.status == 0
    records = ran.out.split("\n\n")
    firsts = sorted(record.split("\n")[0].split() for record in records)
    assert firsts == [["device", "web-01"], ["device", "web-02"]]


def test_text_has_its_device_before_each_line_and_stderr_stays_apart(house: House) -> None:
    ran = house.run("on web-*,!web-03 run fine.sh -devices 2")
    assert ran.status == 0
    assert sorted(ran.out.splitlines()) == ["web-01: out", "web-02: out"]
    assert {"web-01: err", "web-02: err"} <= set(ran.err.splitlines())
    ran = house.run("on web-01,web-02 run fine.sh -devices 2 -output json")
    rows = {row["device"]: row for row in json.loads(ran.out)}
    assert rows["web-01"] == {
        "device": "web-01", "stdout": "out\n", "stderr": "err\n", "exit_code": 0,
    }  # fmt: skip
    assert set(rows) == {"web-01", "web-02"}


def test_files_lie_in_the_evidence_of_each_devices_own_session(house: House) -> None:
    ran = house.run("on web-01,web-02 getfile /etc/hostname")
    assert ran.status == 0
    places = [line.split()[-1] for line in ran.out.splitlines() if ": sftp " in line]
    assert len(set(places)) == 2
    sessions = {place.split("/")[2] for place in places}
    of = {house.of_kind("session_opened", session)[0]["of"] for session in sessions}
    assert of == {f"{chosen(house)['session']}#1"}


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("on web-* dir /", 0), ("on web-01,db-01 dir /", 4), ("on web-01 dir / -devices 1", 0),
        ("on web-01 run fine.sh -devices 3", 2), ("on web-* dir /no-such", 1),
        ("on db-01,web-01 dir /no-such", 1), ("on web-01,web-09 dir /", 4),
        ("on tag:nobody dir /", 4), ("on web-*,!web-09 dir /", 4), ("on web-* shell", 2),
        ("on web-* devices", 2), ("on web-* connect web-01", 2), ("on web-* dir / &", 2),
        ("on web-* cat /etc/hostname -raw", 2), ("on -stage 1,all web-* dir /", 2),
        ("on -stop 5% web-01 dir /", 2), ("on web-, dir /", 2),
    ],
)  # fmt: skip
def test_the_status_says_what_became_of_all(house: House, line: str, status: int) -> None:
    ran = house.run(line)
    assert ran.status == status, ran.err
    assert ran.err or status == 0


def test_a_failure_names_its_device_once(house: House) -> None:
    ran = house.run("on web-01,web-02 dir /no-such")
    assert sorted(ran.err.splitlines()) == [
        "web-01: failed: /no-such does not exist",
        "web-02: failed: /no-such does not exist",
    ]


def test_a_change_needs_the_exact_number_where_nobody_can_be_asked(house: House) -> None:
    before = house.started()
    ran = house.run("on web-* run fine.sh")
    assert ran.status == 2
    assert ran.err == "not understood: run on 3 devices needs -devices 3 where none can be asked\n"
    assert house.run("on web-* run fine.sh -yes").status == 2
    ran = house.run("on web-* run fine.sh -devices 2")
    assert ran.status == 2 and "web-* means 3 devices, not the 2 of -devices" in ran.err
    assert house.run("on web-* run no-such.sh -devices 3").status == 1
    assert house.started() == before
    assert house.run("on -devices 3 web-* run fine.sh").status == 0


def test_the_journal_has_the_devices_before_the_first_and_what_became_of_each(
    house: House,
) -> None:
    ran = house.run("on all dir /no-such")
    assert ran.status == 1
    one = chosen(house)
    assert (one["selector"], one["of"], sorted(one["devices"])) == ("all", 4, ["db-01", *ONLINE])
    outcomes = {device: (session, outcome) for device, session, outcome in one["outcomes"]}
    assert outcomes["db-01"] == ("", "unreachable")
    for name in ONLINE:
        session, outcome = outcomes[name]
        assert outcome == "failed"
        [opened] = house.of_kind("session_opened", session)
        assert (opened["device"], opened["of"]) == (name, f"{one['session']}#1")
        assert [r["line"] for r in house.of_kind("command_typed", session)] == ["dir /no-such"]
    kinds = [record["kind"] for record in house.records(one["session"])]
    assert kinds.index("command_typed") < kinds.index("devices_chosen")
    status, said = house.admin(f"verify {one['session']}")
    assert status == 0, said


def test_never_more_run_at_once_than_the_setting_says(house: House) -> None:
    assert house.run("on web-* dir /").status == 0
    sessions = [session for _, session, _ in chosen(house)["outcomes"]]
    held: list[tuple[int, int]] = []
    broker = house.records()
    for seq, record in enumerate(broker):
        if record["kind"] == "session_begun" and record["session"] in sessions:
            held.append((seq, 1))
        if record["kind"] == "session_sealed" and record["session"] in sessions:
            held.append((seq, -1))
    now = most = 0
    for _, step in sorted(held):
        now += step
        most = max(most, now)
    assert most == AT_ONCE and now == 0


def test_in_stages_the_first_failure_leaves_the_rest_unbegun(house: House) -> None:
    ran = house.run("on -stage 1,all web-* run fails.sh -devices 3")
    assert ran.status == 1
    assert "failed: run stopped: 1 of 3 failed (-stop 1); of 3 devices 1 failed, 2 not begun" in (
        ran.err
    )
    assert [outcome for *_, outcome in chosen(house)["outcomes"]] == ["failed"]
    ran = house.run("on -stage 1,all -stop 50% web-* run fails.sh -devices 3")
    assert ran.status == 1 and ran.err.count("fails.sh v1 ended with exit code 3") == 3
    ran = house.run("on -stage 1,all web-* run fine.sh -devices 3")
    assert ran.status == 0
    ran = house.run("on web-* tag add x -devices 3 -stage 1,all -stop 1")
    assert ran.status == 0, ran.err


def test_an_offline_device_fills_no_stage(house: House) -> None:
    ran = house.run("on -stage 1,1,all all run fine.sh -devices 4")
    assert ran.status == 4
    assert sorted(line for line in ran.out.splitlines()) == [f"{name}: out" for name in ONLINE]


def test_a_script_keeps_its_own_arguments_after_its_name(house: House) -> None:
    house.run("library add args.sh", stdin=b'#!/bin/sh\necho "$@"\n')
    ran = house.run("on web-01,web-02 run args.sh -stage 2 -stop now -devices 2")
    assert sorted(ran.out.splitlines()) == [
        "web-01: -stage 2 -stop now",
        "web-02: -stage 2 -stop now",
    ]


def test_tags_are_set_on_many_and_on_who_is_offline(house: House) -> None:
    ran = house.run("on all tag add Fleet -devices 4 -output json")
    assert ran.status == 0, ran.err
    assert sorted((row["device"], row["tag"], row["state"]) for row in json.loads(ran.out)) == [
        (name, "Fleet", "added") for name in ["db-01", *ONLINE]
    ]
    assert house.run("on tag:FLEET,!platform:windows dir /").status == 4
    ran = house.run("on all tag list -output json")  # reading asks nobody
    assert ran.status == 0 and "Fleet" in {row["tag"] for row in json.loads(ran.out)}
    assert house.run("on tag:fleet tag remove FLEET -devices 4").status == 0
    assert house.run("on tag:fleet dir /").status == 4
    told = json.loads(house.run("timeline db-01 -output json").out)
    changes = [(row["person"], row["what"]) for row in told if row["kind"] == "tag"]
    assert changes[-2:] == [("alice", "Fleet added"), ("alice", "Fleet removed")]
    told = json.loads(house.run("timeline web-01 -output json").out)
    assert any(", part of S" in row["what"] for row in told if row["kind"] == "session")


def test_an_action_waits_for_who_is_offline_and_wants_its_comment_once(house: House) -> None:
    ran = house.run("on db-* isolate -devices 1")
    assert ran.status == 3
    assert ran.err == (
        "refused: isolate on 1 device needs a comment; add -comment 'case and reason'\n"
    )
    ran = house.run("on db-* isolate -devices 1 -comment INC-7")
    assert ran.status == 0 and "db-01: A1 pending: isolate, db-01 is offline" in ran.err
    assert [outcome for *_, outcome in chosen(house)["outcomes"]] == ["queued"]
    [row] = json.loads(house.run("actions -output json").out)
    assert (row["device"], row["state"], row["comment"]) == ("db-01", "Pending", "INC-7")
    assert house.run("cancel A1").status == 0


def test_all_devices_run_the_version_that_was_named_first(house: House) -> None:
    """What is prepared once stays that version, however often it is prepared again."""
    house.run("library add twice.sh", stdin=b"#!/bin/sh\necho one\n")
    with Screen(house.ssh("", "-tt")[:-1], columns=100, rows=40) as s:
        s.until(r"^fireline>$")
        s.enter("on web-01,web-02 run twice.sh")
        s.until(r"\(Enter: no\):$")
        house.run("library add twice.sh", stdin=b"#!/bin/sh\necho two\n")
        s.enter("2")
        s.until(r"^of 2 devices 2 answered, ")
        assert "web-01: one" in s.text and "web-02: one" in s.text
        s.enter("cls")
        s.enter("on web-01,web-02 run twice.sh")  # its change is part of the one question
        s.until(r"twice.sh changed since you last ran it: now v2")
        s.enter("2")
        s.until(r"^of 2 devices 2 answered, ")
        assert "web-01: two" in s.text
        s.type("\x04")
        s.status()
    house.run("library add twice.sh", stdin=b"#!/bin/sh\necho three\n")
    ran = house.run("on web-01,web-02 run twice.sh -devices 2")
    assert ran.status == 3 and "changed since you last ran it" in ran.err


def test_who_may_not_run_a_script_learns_nothing_of_the_library(house: House) -> None:
    for script in ("fine.sh", "no-such.sh"):
        ran = house.run(f"on web-* run {script} -devices 3", host="fireline-basic")
        assert ran.status == 1
        lines = ran.err.splitlines()
        assert len(lines) == 3 and all("needs advanced, you are basic" in line for line in lines)
        assert "no-such" not in ran.err


def test_at_a_terminal_an_action_on_several_says_what_will_happen(house: House) -> None:
    with Screen(house.ssh("", "-tt")[:-1], columns=100, rows=40) as s:
        s.until(r"^fireline>$")
        s.enter("on db-* isolate")
        s.until(r"^Comment for isolate on 1 device \(empty: nothing happens\):$")
        s.enter("INC-9")
        s.until(r"^isolate on 1 device: db-01; 1 of them offline$")
        s.until(r"^isolate -type full on each: nothing passes but this broker and DHCP; its")
        s.until(r"^Type the number of devices to isolate it \(Enter: no\):$")
        assert re.search(r"comment:\sINC-9\n", s.text)
        s.enter("")
        s.until(r"^refused: isolate on 1 device was not answered with their number")
        s.type("\x04")
        s.status()
    states = [row["state"] for row in json.loads(house.run("actions -output json").out)]
    assert "Pending" not in states


def test_who_may_only_look_is_refused_device_by_device(house: House) -> None:
    ran = house.run("on web-* run fine.sh -devices 3", host="fireline-basic")
    assert ran.status == 1
    assert ran.err.count(": refused: ") == 3 and "needs advanced, you are basic" in ran.err
    assert house.run("on web-* dir /", host="fireline-basic").status == 0


def test_a_client_that_goes_ends_all_of_it(house: House) -> None:
    before = len(house.sessions())
    client = subprocess.Popen(
        house.ssh("on web-* findfile no-such-name -path /proc/self/root/"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until("two run", lambda: len(house.sessions()) >= before + 1 + AT_ONCE)
    client.send_signal(signal.SIGKILL)
    client.wait()
    sealed = lambda: len(house.of_kind("session_sealed")) == len(house.sessions())  # noqa: E731
    until("all sessions have ended", sealed, 60)
    for name in ONLINE:
        until("nothing is left", lambda name=name: not house.shims[name].left())  # type: ignore[misc]


def test_a_client_that_does_not_read_costs_no_memory_and_misses_nothing(
    house: House, tmp_path: Path
) -> None:
    for number in range(6000):
        (tmp_path / f"{number:06}{'x' * 150}").touch()
    before, sessions = house.broker_kib(), len(house.sessions())
    client = subprocess.Popen(
        house.ssh(f"on web-* findfile * -path {tmp_path} -output json"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert client.stdout is not None
    first = os.read(client.stdout.fileno(), 2)
    client.send_signal(signal.SIGSTOP)

    def ended() -> int:
        own = house.sessions()[sessions + 1 :]
        return sum(len(house.of_kind("ended", session)) for session in own)

    until("both have ended on their devices", lambda: ended() >= AT_ONCE, 60)
    grown = house.broker_kib() - before
    client.send_signal(signal.SIGCONT)
    out, err = client.communicate(timeout=100)
    rows = json.loads(first + out)
    assert client.returncode == 0, err
    counts = {name: sum(row["device"] == name for row in rows) for name in ONLINE}
    assert len(set(counts.values())) == 1 and counts["web-01"] >= 6000
    assert grown < 32 << 10, f"{grown} KiB for {len(out) >> 10} KiB of output"


def test_at_a_terminal_the_devices_are_shown_and_their_number_is_the_answer(house: House) -> None:
    with Screen(house.ssh("", "-tt")[:-1], columns=100, rows=40) as s:
        s.until(r"^fireline>$")
        before = house.started()
        for answer in ("2", "", "y"):
            s.enter("cls")
            s.enter("on web-* run fine.sh")
            s.until(r"^run fine.sh on 3 devices: web-01 web-02 web-03$")
            s.until(r"^Type the number of devices to run them \(Enter: no\):$")
            s.enter(answer)
            s.until(r"^refused: run on 3 devices was not answered with their number; nothing was")
            s.until(lambda s: s.lines[s.screen.cursor.y] == "fireline>")
        assert house.started() <= before + 3  # cls alone
        s.enter("cls")
        s.enter("on web-* run fine.sh")
        s.until(r"\(Enter: no\):$")
        s.enter("3")
        s.until(r"^of 3 devices 3 answered, \d.*s, #\d+$")
        assert "web-02: out" in s.text and "web-02: ! err" in s.text
        s.enter("cls")
        s.enter("on all processes -pid 1")
        s.until(r"^3 rows; of 4 devices 3 answered, 1 unreachable, [\d.]+ s, #\d+\. Cut: command")
        assert "db-01: unreachable: offline, it has never been seen" in s.text
        s.type("\x04")
        s.status()


def test_ctrl_c_stops_what_runs_and_begins_nothing_more(house: House) -> None:
    with Screen(house.ssh("", "-tt")[:-1], columns=100, rows=40) as s:
        s.until(r"^fireline>$")
        s.enter("on web-* findfile no-such-name -path /")
        s.until(r"^0 of 3 devices  2 running  0 rows  [\d.]+ s   Ctrl-C stop$")
        s.type("\x03")
        s.until(r"^\^C stopping on 2 devices; 1 more are not begun$")
        s.until(r"^cancelled: findfile stopped on 2 while running, not begun on 1, #1$")
        s.until(lambda s: s.lines[s.screen.cursor.y] == "fireline>")
        s.type("\x04")
        s.status()
    assert [outcome for *_, outcome in chosen(house)["outcomes"]] == ["stopped", "stopped"]
    with Screen(house.ssh("on web-* findfile no-such-name -path /", "-tt"), columns=100) as s:
        s.until(r"^0 of 3 devices  2 running")
        s.type("\x03")
        s.until(r"^cancelled: findfile stopped on 2 while running, not begun on 1, #1$")
        assert s.status() == 130
