"""Scans through a double of MpCmdRun.exe: its words, its statuses, its end on demand."""

import shutil
import sys
import winreg
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from endpoint_shim.windows import defender
from endpoint_shim.windows.defender import Scan

DOUBLES = Path(sys.base_prefix, "doubles")
pytestmark = pytest.mark.skipif(not DOUBLES.exists(), reason="the doubles are the rig's")
KEY = r"SOFTWARE\FirelineRig\Windows Defender"
DETECTED = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<EventID>1116</EventID><EventRecordID>{record}</EventRecordID></System><EventData>"
    "<Data Name='Threat Name'>{threat}</Data><Data Name='Path'>file:_C:\\x</Data></EventData>"
    "</Event>\n"
)


class Engine:
    """A folder with the doubles, as Defender's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "MpCmdRun.exe"
        shutil.copy(DOUBLES / "mpcmdrun.exe", self.program)
        shutil.copy(DOUBLES / "wevtutil.exe", folder)
        self.event(1, "from before")

    def event(self, record: int, threat: str) -> None:
        with (self.folder / "events.xml").open("a", newline="") as log:
            log.write(DETECTED.format(record=record, threat=threat))

    def scan(self, mode: str) -> Scan:
        (self.folder / "mode").write_text(mode)
        return Scan(self.program, self.folder / "wevtutil.exe")

    def words(self) -> list[str]:
        return (self.folder / "MpCmdRun.exe.log").read_text().splitlines()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    yield Engine(tmp_path)


async def over(scan: Scan, path: str | None = None) -> Scan:
    async for _ in scan.run("quick", path):
        pass
    return scan


async def test_a_clean_scan_finds_nothing_and_fails_at_nothing(engine: Engine) -> None:
    scan = await over(engine.scan("clean"))
    assert scan.found.detections == () and scan.found.error == ""
    assert engine.words() == ["-Scan\t-ScanType\t1\t-CpuThrottling"]


async def test_a_full_scan_and_one_of_a_path_have_their_words(engine: Engine) -> None:
    async for _ in engine.scan("clean").run("full"):
        pass
    await over(engine.scan("clean"), r"C:\a b")
    assert engine.words() == [
        "-Scan\t-ScanType\t2\t-CpuThrottling",
        "-Scan\t-ScanType\t3\t-File\tC:\\a b\t-CpuThrottling",
    ]


@pytest.mark.parametrize("mode", ["threat", "quiet-threat"])
async def test_a_threat_is_one_whatever_the_status(engine: Engine, mode: str) -> None:
    scan = await over(engine.scan(mode))
    (one,) = scan.found.detections
    assert one.threat == "Virus:DOS/EICAR_Test_File" and one.resources == (r"C:\x\eicar.com",)
    assert scan.found.error == ""


async def test_an_engine_that_is_off_is_a_failure(engine: Engine) -> None:
    scan = await over(engine.scan("engine-off"))
    assert scan.found.detections == () and "service does not run" in scan.found.error
    scan = await over(engine.scan("silent"))
    assert scan.found.detections == () and "named no threat" in scan.found.error


async def test_what_its_log_has_since_counts_and_nothing_older(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defender, "EVERY_S", 0.05)
    scan = engine.scan("waits")
    ticks = scan.run("quick")
    await anext(ticks)
    engine.event(2, "Trojan:Win32/X")
    (engine.folder / "cancelled").touch()
    async for _ in ticks:
        pass
    assert [one.threat for one in scan.found.detections] == ["Trojan:Win32/X"]


async def test_who_stops_early_has_the_service_stop_the_scan(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defender, "EVERY_S", 0.05)
    ticks = engine.scan("waits").run("full")
    assert await anext(ticks) > 0
    await ticks.aclose()  # type: ignore[attr-defined]
    assert engine.words()[-1] == "-Scan\t-Cancel"
    assert (engine.folder / "cancelled").exists()


async def test_one_that_does_not_know_the_limit_scans_without_it(engine: Engine) -> None:
    scan = await over(engine.scan("unknown-option"))
    assert scan.found.error == "" and scan.notes == [defender.UNLIMITED]
    assert engine.words() == ["-Scan\t-ScanType\t1\t-CpuThrottling", "-Scan\t-ScanType\t1"]


async def test_a_log_that_is_gone_or_switched_off_keeps_no_scan_off(engine: Engine) -> None:
    (engine.folder / "events.xml").unlink()
    scan = await over(engine.scan("threat"))
    assert [one.threat for one in scan.found.detections] == ["Virus:DOS/EICAR_Test_File"]
    assert scan.found.error == "" and scan.notes[0].startswith("Defender's log is not read")
    scan = await over(engine.scan("silent"))
    assert "named no threat" in scan.found.error


async def test_more_detections_than_one_answer_takes_are_all_there(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defender, "EVERY_S", 0.05)
    monkeypatch.setattr(defender, "MOST_EVENTS", 2)
    ticks = (scan := engine.scan("waits")).run("quick")
    await anext(ticks)
    for record in range(2, 7):
        engine.event(record, f"Trojan:Win32/{record}")
    (engine.folder / "cancelled").touch()
    async for _ in ticks:
        pass
    assert len(scan.found.detections) == 5


async def test_one_that_is_gone_says_so(engine: Engine) -> None:
    scan = engine.scan("clean")
    engine.program.unlink()
    with pytest.raises(Failed, match="MpCmdRun.exe was not started"):
        await over(scan)


def test_the_program_is_the_one_that_windows_registered(engine: Engine) -> None:
    with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, KEY) as key:
        winreg.SetValueEx(key, "InstallLocation", 0, winreg.REG_SZ, str(engine.folder))
    with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, rf"{KEY}\Signature Updates") as key:
        winreg.SetValueEx(key, "AVSignatureVersion", 0, winreg.REG_SZ, "1.421.5.0")
        applied = (134_081_568_000_000_000).to_bytes(8, "little")
        winreg.SetValueEx(key, "AVSignatureApplied", 0, winreg.REG_BINARY, applied)
    try:
        assert defender.program(KEY) == engine.program
        now_ms = 134_081_568_000_000_000 // 10_000 - 11_644_473_600_000
        assert defender.signatures(KEY, now_ms).endswith("1.421.5.0 are of today")
    finally:
        winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, rf"{KEY}\Signature Updates")
        winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, KEY)
    assert "never updated" in defender.signatures(KEY)


def test_a_device_without_it_says_so() -> None:
    with pytest.raises(Refused, match="this device has no Microsoft Defender"):
        defender.program(KEY)
