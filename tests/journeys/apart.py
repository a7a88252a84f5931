"""A broker here, and a device in a network namespace of its own that may be cut off for real."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.operator.range_network import Network
from tests.endpoint_shim.linux.nets import Host
from tests.journeys.rig import House

DEVICE = "apart-01"
TABLE = "fireline_isolation"
LIMITS = {"reserve_bytes": 1 << 20, "left_open_s": 1}


@dataclass
class Apart:
    """What the cases do: typed words through stock ssh, and looks at the device's own kernel."""

    house: House
    network: Network
    device: Host

    def ask(self, line: str, name: str = DEVICE) -> str:
        """One word for the device, which does what it is asked."""
        ran = self.house.run(f"on {name} {line}")
        assert ran.status == 0, ran.err + ran.out
        return ran.out + ran.err

    def isolate(self) -> str:
        said = self.ask("isolate -comment INC-25")
        assert self.isolated
        return said

    def release(self) -> None:
        self.ask("release -comment INC-25")
        assert not self.isolated

    def rows(self, line: str) -> list[dict[str, Any]]:
        ran = self.house.run(f"{line} -output json")
        assert ran.status == 0, ran.err
        return list(json.loads(ran.out))

    def told(self, words: str) -> int:
        """How many lines of the device's timeline hold this."""
        return sum(words in str(row) for row in self.rows(f"timeline {DEVICE}"))

    @property
    def isolated(self) -> bool:
        return TABLE in self.device.run("nft", "list", "tables")

    def rules(self) -> str:
        """Everything but ours, to the byte, with the numbers that change when it is touched."""
        tables = self.device.run("nft", "list", "tables").splitlines()
        others = [one.split()[1:] for one in tables if TABLE not in one]
        return "".join(self.device.run("nft", "-a", "-s", "list", "table", *one) for one in others)


@contextlib.contextmanager
def apart(folder: Path, *, six: bool = False) -> Iterator[Apart]:
    """It is up, with its device online; `six`: the broker has an address of version 6 alone."""
    network = Network.of(folder)
    network.make()
    house = House(
        folder / "h",
        LIMITS,
        device_host=network.broker6 if six else network.broker,
        shim_under=("ip", "netns", "exec", network.namespace),
    )
    try:
        with house:
            house.start_shim(DEVICE)
            yield Apart(house, network, Host.there(network.namespace))
    finally:
        network.end()
