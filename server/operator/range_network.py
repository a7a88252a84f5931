"""The range's network: a namespace with one cable, whose near end has the broker and the outside.

Nothing of it reaches another machine: the near end is this machine's, with two addresses, the
broker's and "the outside" with its web server and its attacker.
"""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from commands.language.errors import Failed


@dataclass(frozen=True)
class Network:
    """Names and addresses, from the state folder's path: several ranges may be up."""

    key: str
    net: str

    @classmethod
    def of(cls, state: Path) -> "Network":
        digest = hashlib.sha256(str(state).encode()).digest()
        return cls(digest[:4].hex(), f"10.{200 + digest[4] % 50}.{digest[5]}")

    @property
    def namespace(self) -> str:
        return f"fireline-range-{self.key}"

    @property
    def near(self) -> str:
        return f"fr{self.key}n"

    @property
    def far(self) -> str:
        return f"fr{self.key}f"

    @property
    def broker(self) -> str:
        return f"{self.net}.1"

    @property
    def broker6(self) -> str:
        return f"{self._net6}1"

    @property
    def outside(self) -> str:
        return f"{self.net}.2"

    @property
    def device(self) -> str:
        return f"{self.net}.3"

    @property
    def _net6(self) -> str:
        return f"fd13:{self.key[:4]}:{self.key[4:]}::"

    def make(self) -> None:
        """The namespace and its cable; raises Failed, naming what did not work."""
        inside = ("ip", "-n", self.namespace)
        for argv in (
            ("ip", "netns", "add", self.namespace),
            ("ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far),
            ("ip", "link", "set", self.far, "netns", self.namespace),
            ("ip", "addr", "add", f"{self.broker}/24", "dev", self.near),
            ("ip", "addr", "add", f"{self.outside}/24", "dev", self.near),
            ("ip", "addr", "add", f"{self.broker6}/64", "dev", self.near, "nodad"),
            ("ip", "link", "set", self.near, "up"),
            (*inside, "addr", "add", f"{self.device}/24", "dev", self.far),
            (*inside, "addr", "add", f"{self._net6}3/64", "dev", self.far, "nodad"),
            (*inside, "link", "set", "lo", "up"),
            (*inside, "link", "set", self.far, "up"),
            (*inside, "route", "add", "default", "via", self.outside),
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Failed(
                    f"{' '.join(argv)}: {done.stderr.strip()}; make demo-range-down clears"
                )

    def end(self) -> None:
        """Takes both away; nothing to do where there is none."""
        for argv in (
            ("ip", "netns", "delete", self.namespace),
            ("ip", "link", "delete", self.near),
        ):
            subprocess.run(argv, capture_output=True, check=False)
