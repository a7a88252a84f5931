"""The README leads to files that exist, and every command in it is one that is understood."""

import re
import shlex

import pytest

from commands.language.command import discover
from commands.language.line import parse
from endpoint_shim.__main__ import _parser as endpoint_parser
from server.__main__ import ALONE
from server.doors.batch import shell_of
from server.doors.sftp_paths import Nowhere, place_of
from server.operator.demo_state import DEVICE, PEOPLE
from tests.architecture.sources import ROOT

discover()


README = (ROOT / "README.md").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMENT = re.compile(r"\s{2,}# .*$")


def command_lines() -> list[str]:
    """The indented lines that a person types."""
    lines = [line for line in README.splitlines() if line.startswith("    ")]
    return [COMMENT.sub("", line).strip() for line in lines if "──" not in line]


def understood(line: str) -> bool:
    """parse raises where it is not."""
    return parse(line).command is not None


def test_every_link_leads_to_a_file_and_every_page_is_linked() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)\)", README))
    assert [link for link in sorted(linked) if not (ROOT / link).is_file()] == []
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert pages - linked == set()


def test_every_make_word_is_a_target() -> None:
    named = set(re.findall(r"`make ([a-z-]+)", README))
    assert named - TARGETS == set()
    assert named >= {"demo-up", "demo-down", "demo-windows", "check", "bench", "soak", "venv"}


@pytest.mark.parametrize("line", command_lines())
def test_every_command_line_is_understood(line: str) -> None:
    """What each does is tried in tests/journeys/test_demo.py and test_real_use.py."""
    line = line.partition(" < ")[0].partition(" > ")[0].replace("HOST", "vm").replace("NAME", "vm")
    typed, _, program = line.rpartition(" | ")
    if typed:
        lines = re.findall(r"'(.*)'", typed)[0].replace("\\n", "\n").split("\n")
        assert all(understood(one) for one in lines if one)
    words = shlex.split(program)
    if words[0] == "make":
        assert words[1] in TARGETS
    elif words[0] == "fireline":
        assert words[1:3] == ["--state", "/var/lib/fireline"]
        assert words[3] in ALONE or understood(" ".join(words[3:]))
    elif words[0] == "fireline-endpoint":
        endpoint_parser().parse_args(words[1:])
    elif words[1:3] == ["-p", "2222"]:
        assert words == ["ssh", "-p", "2222", "you@broker.example.org"]
    elif words[0] == "scp":
        host, _, path = words[-1].partition(":")
        assert words[1:3] == ["-F", "var/demo/ssh_config"] and host in PEOPLE
        assert place_of(path.encode()) != Nowhere()
    else:
        client = [word for word in words if word != "-t"]
        assert client[0] in ("ssh", "sftp") and client[1:3] == ["-F", "var/demo/ssh_config"]
        assert client[3] in (*PEOPLE, DEVICE)
        for line in client[4:] if client[3] in PEOPLE else ():  # a device's own shell takes any
            assert shell_of(line) == "vm" or understood(line)
