"""Field reports k26: a restriction must not break the machine that it is on."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.endpoint_shim.linux.restricted import PLACE, Box
from tests.journeys.ranges import Range
from tests.journeys.rig import until

pytestmark = [
    pytest.mark.needs("ssh", "ip", "nft", "unshare", "nsenter", "dpkg"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("range"),
]
ENFORCER = "endpoint_shim.linux.enforcer"
PROMPT_S = 10.0
"""Much more than a start takes, and much less than whoever waits for a lost server does."""
DAEMON = "n=0; while :; do n=$((n+1)); /usr/bin/echo $n > /run/beat; /usr/bin/sleep 0.05; done"


class Restricted:
    """The range's device, restricted by a typed word."""

    def __init__(self, made: Range) -> None:
        self.ask = made.ask
        started = json.loads((made.state / "running.json").read_text())
        # `unshare`, which was started last, has the device's first process as its child.
        self.first = psutil.Process(started[-1]["pid"]).children()[0]

    def inside(self, *argv: str) -> "subprocess.Popen[str]":
        words = ["nsenter", "--target", str(self.first.pid), "--mount", "--pid", *argv]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def at(self, path: str) -> Path:
        """A file of the device, from here."""
        return Path(f"/proc/{self.first.pid}/root{path}")

    def starts(self, path: str) -> bool:
        return "status 0" in self.ask(f"on range exec {path}; echo status $?")

    def enforcer(self) -> psutil.Process | None:
        """The one that the guard started, of whatever number."""
        for one in self.first.children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it ended meanwhile
                above = one.parent()
                if ENFORCER in one.cmdline() and above and ENFORCER not in above.cmdline():
                    return one
        return None


@pytest.fixture
def here(range_device: Range) -> Restricted:
    return Restricted(range_device)


@pytest.fixture
def daemon(here: Restricted) -> Iterator[None]:
    """A program of a package that starts others all the time, and ran before the restriction."""
    with here.inside("/usr/bin/bash", "-c", DAEMON) as running:
        until("it beats", lambda: beats(here) > 1)
        yield
        for one in psutil.Process(running.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # what it starts ends by itself
                one.kill()
        running.kill()


def beats(here: Restricted) -> int:
    try:
        return int(here.at("/run/beat").read_text() or 0)
    except FileNotFoundError:
        return 0


def goes_on(here: Restricted) -> None:
    before = beats(here)
    until("the daemon goes on", lambda: beats(here) > before + 5)


@pytest.mark.usefixtures("daemon")
def test_deleted_exe_a_daemon_whose_program_an_update_replaced_goes_on(here: Restricted) -> None:
    assert here.starts("/usr/bin/true")
    here.ask("on range exec cp /usr/bin/true /opt/copied")
    here.ask("on range restrict -comment INC-26")
    assert not here.starts("/opt/copied")
    goes_on(here)
    # As a package's update does it: a new file of the same name, and the old one is gone.
    here.ask("on range exec cp -p /usr/bin/bash /usr/bin/new && mv /usr/bin/new /usr/bin/bash")
    shown = here.ask("on range processes -name bash -output json")
    assert any(row["deleted"] for row in json.loads(shown))
    goes_on(here)
    assert here.starts("/usr/bin/bash -c true"), "and the new one starts"


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stop_enforcer_holds_nothing_back_and_another_takes_over(
    here: Restricted, number: signal.Signals
) -> None:
    here.ask("on range exec cp /usr/bin/true /opt/copied")
    here.ask("on range restrict -comment INC-26")
    old = here.enforcer()
    assert old is not None
    told = here.ask("timeline range").count("unguarded")
    old.send_signal(number)
    goes_on(here)
    assert here.starts("/usr/bin/true")

    def another() -> bool:
        now = here.enforcer()
        return now is not None and now.pid != old.pid and not here.starts("/opt/copied")

    until("another enforces it", another, 60)
    until("it is told", lambda: here.ask("timeline range").count("unguarded") > told)
    goes_on(here)


def test_stop_enforcer_unrestrict_leaves_nothing(here: Restricted) -> None:
    here.ask("on range exec cp /usr/bin/true /opt/copied")
    here.ask("on range unrestrict -comment INC-26")
    assert here.enforcer() is None
    assert here.starts("/opt/copied")


def test_lockup_a_server_that_never_answers_holds_up_no_other_program(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        for name in ("near", "far"):
            assert box.run("mkdir", PLACE / name) == [0, ""]
        box.run("cp", "/usr/bin/true", PLACE / "far/program")
        box.ask("mount_far", str(PLACE / "near"), str(PLACE / "far"), 0)
        box.ask("start")
        box.ask("signal_far", "SIGSTOP")
        box.ask(
            "begin", "/usr/bin/bash", "-c", f"{PLACE}/near/program & read x; kill -9 %1; echo $x"
        )
        for program in ("/usr/bin/true", "/usr/bin/date", "/usr/bin/id"):
            assert box.ask("time", [program], 5)[-1] < PROMPT_S
        assert box.ask("alive")
        box.ask("signal_far", "SIGCONT")
        assert "goes on" in box.ask("tell", "goes on\n")
    finally:
        box.close()
