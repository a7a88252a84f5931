"""`devices release-token` at a real broker, and its token on the device that it is for."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from commands.language.errors import Refused
from endpoint_shim import config, release_token
from endpoint_shim.guard_state import Kept
from tests.journeys.rig import House

pytestmark = [pytest.mark.needs("ssh-keygen")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("release") / "house") as house:
        house.enrol("web-01")
        house.enrol("db-01")
        yield house


def fireline(house: House, line: str) -> "subprocess.CompletedProcess[str]":
    """The operator's own program, as it is typed."""
    argv = [sys.executable, "-I", "-m", "server", "--state", str(house.home), *line.split()]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_the_token_that_the_operator_gets_counts_on_that_device_alone(house: House) -> None:
    web, db = (config.load(house.shims[name].state) for name in ("web-01", "db-01"))
    ran = fireline(house, "devices release-token web-01 -hours 2")
    found = re.fullmatch(r"flr1\.[\w.-]+\n", ran.stdout)
    assert ran.returncode == 0 and found is not None, ran.stdout + ran.stderr
    assert "it ends the isolation of web-01, once, until" in ran.stderr
    assert release_token.check(found[0], web, Kept()).device == web.identity.device_id
    with pytest.raises(Refused, match="for another device than db-01"):
        release_token.check(found[0], db, Kept())
    (made,) = house.of_kind("release_token_made")
    assert (made["name"], made["device"]) == ("web-01", web.identity.device_id)
    assert found[0].strip() not in str(house.records())


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("devices release-token nobody", 4, "no device is called nobody"),
        ("devices release-token web-01 -hours 0", 2, "-hours above 0, at most 720"),
        ("devices release-token", 2, "needs NAME"),
    ],
)
def test_what_makes_no_token_says_why(house: House, line: str, status: int, says: str) -> None:
    ran = fireline(house, line)
    assert (ran.returncode, ran.stdout) == (status, "") and says in ran.stderr, ran.stderr
