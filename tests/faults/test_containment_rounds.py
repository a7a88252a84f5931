"""Isolated and released while broker, device and cable are killed at random, and clocks stepped:
both ends agree.

1. A round asks for something (isolate, release, several at once), strikes at a random moment, mends
   everything, and then asks of both ends what is: the kernel's own table in the namespace of the
   device, the rows of the broker, and its journal.
2. The seed is printed and can be given (FIRELINE_SEED), so that a failure can be made again.
3. The rig is trusted because a broker that forgets its wishes when it is killed fails it.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.operator.range_network import Network
from tests.journeys.rig import House, until
from tests.journeys.wrong_clock import WrongClock

pytestmark = [
    pytest.mark.needs("ssh", "ip", "nft"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.timeout(300),
]
DEVICE = "round-01"
ROUNDS, SOAK_ROUNDS = 50, 500
ASKS = (
    ("isolate",), ("release",), ("isolate", "release"), ("release", "isolate"),
    ("isolate -type selective", "isolate"), ("isolate", "isolate", "release", "release"),
    ("isolate -ttl 1h",),
)  # fmt: skip
STRIKES = (
    "broker", "supervisor", "guard", "both", "cable", "to the broker", "to the device", "flush",
    "broker's clock", "device's clock", "nothing",
)  # fmt: skip
STEPS_S = (-5400, -90, 90, 5400)
"""Of the broker or the device's supervisor (the guard's own tests step its clock); longer than the
TTL of a round that has one, which no step of a wall clock ends."""
SETTLE_S = 40.0
BROKEN = Path(__file__).parent / "broken"


class Rounds:
    """A broker, and a device behind a cable that can be pulled."""

    def __init__(self, house: House, network: Network, clocks: dict[str, WrongClock]) -> None:
        self.house, self.network, self.clocks = house, network, clocks

    def play(self, number: int, chance: random.Random) -> None:
        asks, strike = chance.choice(ASKS), chance.choice(STRIKES)
        asking = [self._ask(f"{line} -comment 'round {number}'") for line in asks]
        time.sleep(chance.random() * 0.4)
        if (clock := self.clocks.get(strike)) is not None:
            clock.set(chance.choice(STEPS_S))
        self._strike(strike)
        for process in asking:
            process.kill()
            process.wait()
        self._mend(strike)
        words = f"round {number}: {', '.join(asks)}; struck: {strike}"
        try:
            until(f"both agree: {words}", self.agree, SETTLE_S)
        except AssertionError as error:
            last = [str(row) for row in self._rows()[:3]]
            for name in ("wanted.json", "contained.json"):
                last.append((self.house.shims[DEVICE].state / name).read_text("utf-8")[:3000])
            last += [str(r) for r in self.house.records()[-6:]]
            raise AssertionError("\n".join([str(error), *last, self.house.log(DEVICE)])) from None

    def _ask(self, line: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.house.ssh(f"on {DEVICE} {line}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _strike(self, what: str) -> None:
        if what in ("broker", "both"):
            self.house.kill_broker()
        if what in ("supervisor", "both"):
            self.house.kill_shim(DEVICE)
        if what == "guard":
            for guard in self.guards():
                with contextlib.suppress(psutil.Error):  # it may just end by itself
                    guard.kill()
        self._cut(what, "down", "add")
        if what == "flush":
            self._inside("nft", "flush", "ruleset")

    def guards(self) -> list[psutil.Process]:
        """The device's guard, where it has one now."""
        found = []
        for child in psutil.Process(self._shim().pid).children():
            with contextlib.suppress(psutil.Error):
                if any("guard" in word for word in child.cmdline()):
                    found.append(child)
        return found

    def _mend(self, what: str) -> None:
        self._cut(what, "up", "delete")
        if what in ("broker", "both"):
            self.house.start_broker()
        if what in ("supervisor", "both"):
            self.house.start_shim(DEVICE)

    def _cut(self, what: str, link: str, hole: str) -> None:
        """The cable, or one way of it, by a route into nothing."""
        network = self.network
        inside = ("ip", "-n", network.namespace)
        for strike, argv in {
            "cable": ("ip", "link", "set", network.near, link),
            "to the device": ("ip", "route", hole, "blackhole", f"{network.device}/32"),
            "to the broker": (*inside, "route", hole, "blackhole", f"{network.broker}/32"),
        }.items():
            if strike == what:
                subprocess.run(argv, check=True)

    def _shim(self) -> "subprocess.Popen[bytes]":
        process = self.house.shims[DEVICE].process
        assert process is not None
        return process

    def _inside(self, *argv: str) -> str:
        whole = ["ip", "netns", "exec", self.network.namespace, *argv]
        return subprocess.run(whole, capture_output=True, text=True, check=True).stdout

    def agree(self) -> bool:
        """Nothing is open, and the kernel has what the last wish that was recorded wants."""
        rows = self._rows()
        if any(row["state"] in ("Pending", "InProgress") for row in rows):
            return False
        wished = [row for row in rows if row["generation"]]
        if not wished:
            return True
        made = max(wished, key=lambda row: (row["generation"], row["id"]))
        isolated = "fireline_isolation" in self._inside("nft", "list", "tables")
        if made["state"] == "Failed":  # rolled back, for want of a way, to what was before
            return isolated == (DEVICE in self.house.admin("devices -isolated")[1])
        holds = self._kept()["isolation"]
        return (isolated, holds.get("scope", "none"), holds["generation"]) == (
            made["type"] == "isolate",
            _scope(made),
            made["generation"],
        )

    def _kept(self) -> dict[str, Any]:
        """What the device's guard says of itself."""
        written = (self.house.shims[DEVICE].state / "contained.json").read_text("utf-8")
        return dict(json.loads(written))

    def _rows(self) -> list[dict[str, Any]]:
        status, out = self.house.admin(f"actions -device {DEVICE} -output json")
        return list(json.loads(out)) if status == 0 else [{"state": "Pending"}]


def _scope(row: dict[str, Any]) -> str:
    if row["type"] != "isolate":
        return "none"
    return "selective" if "-type selective" in row["command"] else "full"


@contextmanager
def rounds(folder: Path, program: Sequence[str] = ()) -> Iterator[Rounds]:
    network = Network.of(folder)
    network.make()
    clocks = {
        "broker's clock": WrongClock(folder / "broker-clock", "server"),
        "device's clock": WrongClock(folder / "device-clock", "endpoint_shim"),
    }
    house = House(
        folder / "house", {"reserve_bytes": 1 << 20},
        program=program or clocks["broker's clock"].program,
        shim_program=clocks["device's clock"].program,
        device_host=network.broker,
        shim_under=("ip", "netns", "exec", network.namespace),
    )  # fmt: skip
    try:
        with house:
            house.start_shim(DEVICE)
            yield Rounds(house, network, clocks)
    finally:
        network.end()


def _seed() -> int:
    seed = int(os.environ.get("FIRELINE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"FIRELINE_SEED={seed}", file=sys.stderr)
    return seed


def _check_the_journal(house: House) -> None:
    """Every row's last record says what the row says; nobody's word ended one twice."""
    rows = json.loads(house.run("actions -output json").out)
    ends: dict[int, list[str]] = {}
    for record in house.of_kind("action_changed"):
        if record["state"] not in ("Pending", "InProgress"):
            ends.setdefault(record["action"], []).append(record["state"])
    assert {f"A{number}": states for number, states in ends.items()} == {
        row["id"]: [row["state"]] for row in rows
    }
    status, said = house.admin("verify broker")
    assert status in (0, 2), said


def test_at_the_end_both_ends_agree_and_the_journal_says_why(tmp_path: Path) -> None:
    chance = random.Random(_seed())
    with rounds(tmp_path) as play:
        for number in range(ROUNDS):
            play.play(number, chance)
        _check_the_journal(play.house)


def test_a_broker_that_forgets_what_was_wished_is_found(tmp_path: Path) -> None:
    """Killed once with an isolation under way, it never tells of it again."""
    with rounds(tmp_path, (str(BROKEN / "forgets_wishes.py"),)) as play:
        play.house.kill_shim(DEVICE)
        asked = play.house.run(f"on {DEVICE} isolate -comment broken")
        assert asked.status == 0, asked.err
        play.house.kill_broker()
        play.house.start_broker()
        play.house.start_shim(DEVICE)
        with pytest.raises(AssertionError, match="in vain"):
            until("both agree", play.agree, 5)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_at_the_end_both_ends_agree_over_many_rounds(tmp_path: Path) -> None:
    chance = random.Random(_seed())
    with rounds(tmp_path) as play:
        for number in range(SOAK_ROUNDS):
            play.play(number, chance)
        _check_the_journal(play.house)
