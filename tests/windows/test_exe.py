"""`fireline-endpoint.exe` as it ships: enrolled, started and asked, without a Python beside it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.windows import doubles
from tests.windows.live import Live
from tests.windows.rig import Rig
from tests.windows.rig.frozen import frozen

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
    pytest.mark.timeout(400),
]

NAME = "exe-1"
WAIT_S = 90.0
FIRELINE = (sys.executable, "-I", "-m", "server", "--state")


@pytest.fixture(scope="module")
def exe(windows: Rig) -> Path:
    return frozen(windows)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exe") / "a state"


@pytest.fixture(scope="module")
def enrolled(exe: Path, windows: Rig, live: Live, state: Path) -> str:
    broker = str(live.state / "broker")
    token = subprocess.run(
        [*FIRELINE, broker, "token", "new"], capture_output=True, check=True, timeout=30
    ).stdout
    words = ["--state", windows.path(state), "enroll", "--name", NAME]
    done = windows.run(words, program=exe, given=token, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.fixture(scope="module")
def online(enrolled: str, exe: Path, windows: Rig, live: Live, state: Path) -> Iterator[Live]:
    process = windows.python(
        ["--state", windows.path(state), "run"],
        program=exe,
        stdout=subprocess.DEVNULL,
        env=doubles.in_place(windows),
    )
    assert process.stderr
    connected = threading.Event()

    def read() -> None:
        assert process.stderr
        for line in process.stderr:
            if b"line to " in line:
                connected.set()

    reading = threading.Thread(target=read)
    reading.start()
    assert connected.wait(WAIT_S)
    yield Live(live.state, NAME)
    process.kill()
    reading.join()
    process.end()


def test_it_is_one_folder_and_says_its_version(exe: Path, windows: Rig) -> None:
    assert (exe.parent / "_internal/python311.dll").exists()
    assert (exe.parent / "_internal/endpoint_shim/windows/app_control.ps1").exists()
    done = windows.run(["--version"], program=exe)
    assert done.returncode == 0 and done.stdout.strip()
    assert not (windows.prefix / "drive_c/users/root/Temp/_MEI").exists()


def test_enrolment_names_the_next_step(enrolled: str) -> None:
    assert f"enrolled as {NAME}; next: fireline-endpoint --state " in enrolled


def test_processes_show_its_own_worker(online: Live) -> None:
    rows = online.rows(f"on {NAME} processes")
    workers = [row for row in rows if (row["command_line"] or "").endswith(" worker")]
    assert [row["name"] for row in workers] == ["fireline-endpoint.exe"]


def test_dir_answers(online: Live) -> None:
    found = {row["path"] for row in online.rows(f"on {NAME} dir C:\\windows")}
    assert "C:\\windows\\system32" in found


def test_it_is_isolated_and_released_by_its_own_guard(online: Live) -> None:
    """Against the double of the Filtering Platform: no packet is stopped."""
    ran = online.on("isolate -comment INC-7")
    assert ran.status == 0, ran.out + ran.err
    (row,) = [one for one in online.rows("devices") if one["name"] == NAME]
    assert row["isolated"], row
    ran = online.on("release -comment INC-7")
    assert ran.status == 0, ran.out + ran.err


def test_it_collects_by_its_own_recipe_and_signs(online: Live) -> None:
    ran = online.on("collect -only 'Services,Installed programs' -comment INC-7")
    assert ran.status == 0 and "succeeded" in ran.err, ran.out + ran.err
    assert "Services.csv" in ran.out and "InstalledPrograms.csv" in ran.out


def test_its_folder_is_closed_to_every_word(online: Live, exe: Path, windows: Rig) -> None:
    ran = online.on(f'cat "{windows.path(exe)}"')
    assert ran.status != 0 and "the shim's own" in ran.err


def test_check_finds_the_broker_and_the_certificate(
    online: Live, exe: Path, windows: Rig, state: Path
) -> None:
    done = windows.run(["--state", windows.path(state), "check"], program=exe, timeout=WAIT_S)
    said = done.stdout.decode()
    assert "takes this device's certificate" in said and f"this device is {NAME}" in said
