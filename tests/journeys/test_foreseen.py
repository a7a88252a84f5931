"""What a person reads before isolate and restrict take effect: connections, programs, rules."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.ranges import Range
from tests.journeys.rig import until
from tests.journeys.screen import Screen

pytestmark = [
    pytest.mark.needs("ssh", "ip", "nft", "unshare"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("range"),
]

UNKNOWN = "/opt/not-packaged"


def effects(device: Range, word: str) -> list[dict[str, Any]]:
    return list(json.loads(device.ask(f"on range whatif {word} -output json")))


@pytest.fixture
def attacked(range_device: Range) -> Range:
    """With the attacker's shell open, and nothing else that leads outside."""

    def is_open() -> bool:
        return [row["name"] for row in effects(range_device, "isolate")] == [range_device.attacker]

    until("the attacker's shell alone", is_open)
    return range_device


@pytest.fixture
def unpackaged(range_device: Range) -> Iterator[str]:
    """A program that no package installed, and that runs."""
    line = f"on range exec cp /usr/bin/sleep {UNKNOWN} && echo copied && exec {UNKNOWN} 300"
    words = [*_ssh(range_device), line]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline().strip() == b"copied"
        try:
            yield UNKNOWN
        finally:
            running.kill()
    range_device.ask(f"on range exec rm {UNKNOWN}")


def _ssh(device: Range) -> list[str]:
    return ["ssh", "-F", str(device.state / "ssh_config"), "fireline"]


def question(device: Range, line: str, said: str) -> str:
    """What is asked before the line's effect, which is not confirmed; as one line."""
    argv = [*_ssh(device)[:-1], "-tt", "fireline"]
    with Screen(argv, columns=200) as s:
        s.until(r"^fireline>")
        s.enter(f"on range {line} -comment 'INC-1 plan'")
        s.until(r"Type the device's name to \w+ it \(Enter: no\):")
        asked = next(one for one in s.text.splitlines() if one.startswith(f"{said} on range:"))
        s.enter("")
        s.until(r"^refused: \w+ was not confirmed; nothing was done")
        s.enter("exit")
    return asked


def test_the_plan_of_an_isolation_says_how_many_connections_end(attacked: Range) -> None:
    def asked() -> str | None:
        line = question(attacked, "isolate", "isolate -type full")
        return (
            line if "; 1 connection ends; its user is told; comment: INC-1 plan" in line else None
        )

    until("the device says it in time", asked)
    assert effects(attacked, "isolate")[0]["what"] == "connection"
    try:
        said = attacked.ask("on range isolate -comment INC-1")
        assert "; 1 connection ended;" in said
        assert effects(attacked, "isolate") == []
    finally:
        attacked.ask("on range release -comment INC-1")


def test_a_selective_isolation_says_before_it_that_no_rule_applies(attacked: Range) -> None:
    own = attacked.state / "broker/isolation.yaml"
    own.write_text("office: [{name: Outlook, process: outlook.exe}]\n")
    none = "none of its rules applies to Linux, for they name programs of Windows: Outlook"
    line = "isolate -type selective -rules office"
    try:
        assert none in question(attacked, line, "isolate -type selective")
        said = attacked.ask(f"on range {line} -comment INC-1")
    finally:
        attacked.ask("on range release -comment INC-1")
        own.unlink()
    before, after = said.splitlines()
    assert before.startswith(f"{line} on range: {none}")
    assert re.match(
        r"A\d+ succeeded: range isolated in \d+\.\d s, broker reached anew; .*undo: release", after
    )
    assert none in after
    # The set that ships: that none of its packages is here, only the device can say.
    try:
        said = attacked.ask("on range isolate -type selective -comment INC-1")
    finally:
        attacked.ask("on range release -comment INC-1")
    assert re.match(r"A\d+ succeeded: range isolated in \d+\.\d s, broker reached anew; ", said)
    assert "none of its rules applies here: Outlook (Prospect Mail), Outlook (Evolution), " in said


def test_the_plan_of_a_restriction_names_what_could_not_start_again(
    range_device: Range, unpackaged: str
) -> None:
    def runs() -> list[str]:
        rows = effects(range_device, "restrict")
        return [
            row["name"] for row in rows if (row["what"], row["name"]) == ("program", unpackaged)
        ]

    until("it runs", runs)

    def asked() -> bool:
        line = question(range_device, "restrict", "restrict")
        return f"runs and could not be started again: {unpackaged}; its user is told" in line

    until("the device says it in time", asked)


def test_who_only_reads_may_not_ask(range_device: Range) -> None:
    argv = [*_ssh(range_device)[:-1], "fireline-basic", "on range whatif restrict"]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 3, ran.stderr
