"""The `nft` program, called with fixed words and the rules on its standard input."""

from typing import Any

import msgspec

from commands.language.errors import Failed
from endpoint_shim.linux import tools

PLACES = ("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft")
LIMIT_S = 10.0


def put(rules: str) -> None:
    """Gives the kernel all of `rules` in one transaction; raises Failed with nft's own sentence."""
    _ran(["-f", "-"], rules)


def check(rules: str) -> None:
    """Has the kernel look at `rules`, which changes nothing; Failed where it cannot take them."""
    _ran(["-c", "-f", "-"], rules)


def families(name: str) -> list[str]:
    """The families in which there is a table of that name."""
    lines = _ran(["list", "tables"]).splitlines()
    return [words[1] for line in lines if (words := line.split())[2:] == [name]]


def listed(family: str, name: str) -> str:
    """A table's rules as text: numbers as numbers, without counters, and without what named sets
    hold."""
    return _ran(["-s", "-nn", "-t", "list", "table", family, name])


def elements(family: str, table: str, name: str) -> list[dict[str, Any]]:
    """What a set holds now."""
    text = _ran(["-j", "list", "set", family, table, name])
    try:
        found = msgspec.json.decode(text, type=dict[str, list[dict[str, dict[str, Any]]]])
    except msgspec.DecodeError:
        raise Failed(f"nft told of the set {name} what is none of its sentences") from None
    return [one for each in found["nftables"] for one in each.get("set", {}).get("elem", ())]


def _ran(words: list[str], rules: str = "") -> str:
    program = tools.first(PLACES)
    if program is None:
        raise Failed("the program nft is not installed here; install the package nftables")
    return tools.ran(program, words, LIMIT_S, rules)
