"""`scan` on Windows by a stock ssh client, with a double of MpCmdRun.exe in Defender's place."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.windows import doubles
from tests.windows.live import Live, Ran
from tests.windows.rig.build import CC

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
]

FOLDER = "C:\\Program Files\\Windows Defender"
EICAR = "Virus:DOS/EICAR_Test_File"


class Defender:
    """A Windows device with the double where Windows has Defender's program."""

    def __init__(self, live: Live, program: bytes) -> None:
        self.live = live
        self.without = live.on("scan -comment INC-0")
        self.add("folder.cmd", f'@mkdir "{FOLDER}"\r\n'.encode())
        made = live.on("run folder.cmd")
        assert made.status == 0, made.err
        self.put("MpCmdRun.exe", program)

    def add(self, name: str, data: bytes) -> None:
        added = self.live.ssh(f"library add {name}", data)
        assert added.status == 0, added.err

    def put(self, name: str, data: bytes) -> None:
        self.add(name, data)
        put = self.live.on(f"putfile {name} -path '{FOLDER}\\{name}' -overwrite")
        assert put.status == 0, put.err

    def scan(self, mode: str, more: str = "") -> Ran:
        self.put("mode", mode.encode())
        return self.live.on(f"scan -comment INC-1 {more}")


@pytest.fixture(scope="module")
def defender(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Defender:
    built = tmp_path_factory.mktemp("defender") / "MpCmdRun.exe"
    source = Path(doubles.__file__).parent / "mpcmdrun.c"
    words = [*CC, *doubles.OPTIONS, "-municode", "-o", str(built), str(source)]
    subprocess.run(words, check=True)
    return Defender(live, built.read_bytes())


def test_a_device_without_defender_says_so(defender: Defender) -> None:
    ran = defender.without
    assert ran.status != 0
    assert "this device has no Microsoft Defender (MpCmdRun.exe is not there)" in ran.out + ran.err


def test_a_clean_scan_says_that_nothing_was_found(defender: Defender) -> None:
    ran = defender.scan("clean")
    assert ran.status == 0, ran.err
    said = ran.out + ran.err
    assert "nothing was found" in said and "signatures are absent" in said


def test_a_threat_is_a_row_and_stands_in_the_timeline(defender: Defender) -> None:
    ran = defender.scan("threat", "-path 'C:\\Program Files'")
    assert ran.status == 0, ran.err
    assert EICAR in ran.out and "C:\\x\\eicar.com" in ran.out
    rows = json.loads(defender.live.ssh(f"timeline {defender.live.device} -output json").out)
    assert f"{EICAR} in C:\\x\\eicar.com found" in [r["what"] for r in rows]


def test_an_engine_that_is_off_is_a_failed_action(defender: Defender) -> None:
    ran = defender.scan("engine-off")
    assert ran.status != 0
    assert "Defender did not scan" in ran.out + ran.err
    actions = f"actions -device {defender.live.device} -type scan -output json"
    assert json.loads(defender.live.ssh(actions).out)[0]["state"] == "Failed"


def test_a_path_that_is_not_there_is_told(defender: Defender) -> None:
    ran = defender.scan("clean", "-path C:\\nowhere")
    assert ran.status != 0 and "C:\\nowhere does not exist" in ran.out + ran.err
