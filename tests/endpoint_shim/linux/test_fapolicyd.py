"""A device whose administrator runs fapolicyd: a double, which really holds back by its rules."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.errors import Failed
from endpoint_shim.linux.fapolicyd import rules
from endpoint_shim.restrictor import Known
from tests.endpoint_shim.linux.restricted import PLACE, Box

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="fanotify and namespaces need root"),
    pytest.mark.needs("unshare", "dpkg"),
    pytest.mark.xdist_group("restriction"),
]
DENIED = [f"errno {errno.EPERM}", ""]
ADMINS = "/etc/fapolicyd/rules.d/50-admin.rules"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    try:
        made.run("cp", "/usr/bin/true", PLACE / "copied")
        made.ask("install_fapolicyd")
        made.run("tee", ADMINS, input="allow perm=any all : all\n")
        made.run("fagenrules")
        yield made
    finally:
        made.close()


def test_its_rules_are_used_and_taken_back(box: Box) -> None:
    box.ask("begin_fapolicyd")
    assert box.run(PLACE / "copied") == [0, ""]
    assert box.ask("start")["by"] == "fapolicyd"
    assert box.run(PLACE / "copied") == DENIED and box.run("ls", "/usr")[0] == 0
    assert box.ask("alive")
    box.ask("stop")
    assert box.run("ls", "/etc/fapolicyd/rules.d") == [0, "50-admin.rules\n"]
    assert not box.ask("alive")


def test_whoever_takes_our_rules_away_is_seen(box: Box) -> None:
    box.ask("begin_fapolicyd")
    box.ask("start")
    box.run("rm", "/etc/fapolicyd/rules.d/00-fireline.rules")
    assert not box.ask("alive")


def test_one_that_could_not_be_used_safely_is_not(box: Box) -> None:
    box.ask("begin_fapolicyd")
    for before, why in (
        ("touch /etc/fapolicyd/knows-nothing", "does not know /usr/bin/dash"),
        ("echo 'permissive = 1' > /etc/fapolicyd/fapolicyd.conf", "it is permissive"),
        ("rm -f /run/fapolicyd.pid", "it does not run"),
    ):
        assert box.run("sh", "-c", before) == [0, ""]
        proof = box.ask("start")
        assert proof["by"].startswith("fanotify") and why in proof["notes"][0]
        assert box.run(PLACE / "copied") == DENIED
        box.ask("stop")


def test_a_name_with_blanks_is_refused() -> None:
    with pytest.raises(Failed, match="blanks"):
        rules(Known((Path("/opt/two words"),)))
