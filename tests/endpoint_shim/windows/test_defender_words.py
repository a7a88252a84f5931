"""Field report k27: what a scan comes to, by Defender's status, words and log."""

from datetime import UTC, datetime, timedelta

import pytest

from endpoint_shim.windows.defender_words import merged, paths, signatures, verdict
from endpoint_shim.windows.events import Event

# As `fakempcmdrun` of the field reports says them, and as the real one does.
CLEAN = "Scan starting...\nfound no threats.\n"
THREAT = "found 1 threats.\nThreat : EICAR-like test\n"
LONG = """Scan starting...
Scan finished.
Scanning C:\\x found 1 threats.

<===========================LIST OF DETECTED THREATS==========================>
----------------------------- Threat information ------------------------------
Threat                  : Virus:DOS/EICAR_Test_File
Resources               : 2 total
    file                : C:\\x\\eicar.com
    containerfile       : C:\\x\\a.zip
-------------------------------------------------------------------------------
"""
OFF = "failed with hr = 0x800106ba"
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def event(number: int, **data: str) -> Event:
    named = {name.replace("_", " "): value for name, value in data.items()}
    return Event(number, 1, "2026-11-29T10:00:00.0000000Z", named)


FOUND = event(
    1116, Threat_Name="Trojan:Win32/X", Detection_ID="{1}", Severity_Name="Severe",
    Path="file:_C:\\x\\a.exe; containerfile:_C:\\x\\b.zip", Source_ID="1",
)  # fmt: skip


@pytest.mark.parametrize("status", [0, 2])
def test_a_named_threat_counts_whatever_the_status(status: int) -> None:
    found = verdict(status, THREAT, [])
    assert [one.threat for one in found.detections] == ["EICAR-like test"] and not found.error


def test_a_two_with_an_engine_that_is_off_is_a_failure_and_no_threat() -> None:
    found = verdict(2, OFF, [])
    assert found.detections == ()
    assert found.error == (
        "Defender did not scan: Defender's service does not run: it is switched off, or another "
        "engine is used"
    )


def test_a_two_that_names_nothing_is_a_failure() -> None:
    assert "named no threat" in verdict(2, "Scan starting...\n", []).error


def test_nought_and_no_threat_is_clean() -> None:
    found = verdict(0, CLEAN, [])
    assert found.detections == () and found.error == ""


@pytest.mark.parametrize("said", ["", "Scan starting...\n", "Der Scan wurde gestartet.\n"])
def test_nought_without_a_proof_of_a_scan_is_no_clean_bill(said: str) -> None:
    assert "neither it nor the log tells of a scan" in verdict(0, said, []).error
    assert verdict(0, said, [event(1001)]).error == ""  # which has no language


@pytest.mark.parametrize(
    "said",
    [
        "CmdTool: Failed with hr = 0x80508023. Check C:\\x\\MpCmdRun.log\n",
        "failed with hr=0x80508023",
        "hr = 80508023",
        "Failed with HR = 0X80508023",
        "hr = 0x00000000\nHRESULT: 0x80508023",
        "Error code 0x80508023",
    ],
)
def test_every_form_of_an_error_is_one(said: str) -> None:
    found = verdict(2, said, [])
    assert found.error == "Defender did not scan: the threat is not there any more", found


def test_an_error_after_a_threat_says_that_there_was_a_scan() -> None:
    found = verdict(2, LONG + "Failed with hr = 0x80508023", [])
    assert [one.threat for one in found.detections] == ["Virus:DOS/EICAR_Test_File"]
    assert found.error.startswith("Defender's scan ended with an error: the threat is not there")


def test_a_files_name_is_no_error_of_the_scan() -> None:
    assert verdict(2, LONG.replace("eicar.com", "hr = 0x80004005"), []).error == ""


def test_a_number_of_success_is_no_error() -> None:
    assert verdict(0, f"{CLEAN}hr = 0x00000000\n", []).error == ""
    assert verdict(0, f"{CLEAN}MpScan() returned hr = 0x00000001\n", []).error == ""


@pytest.mark.parametrize(("status", "words"), [(-1, "0xffffffff"), (259, "0x103"), (1, "0x1")])
def test_a_status_that_is_none_of_its_own_is_told(status: int, words: str) -> None:
    assert verdict(status, CLEAN, []).error == f"MpCmdRun ended with {words}"


@pytest.mark.parametrize("count", ["3", "1,234", "1.234", "12 345"])
def test_a_count_in_any_locale_is_a_detection(count: str) -> None:
    (one,) = verdict(0, f"Scan finished.\nfound {count} threats.\n", []).detections
    assert one.threat == f"{count} not named"


def test_the_programs_own_list_has_the_files() -> None:
    (one,) = verdict(2, LONG, []).detections
    assert one.threat == "Virus:DOS/EICAR_Test_File"
    assert one.resources == ("C:\\x\\eicar.com", "C:\\x\\a.zip")


def test_a_count_without_names_is_a_detection() -> None:
    assert [one.threat for one in verdict(2, "found 3 threats.", []).detections] == ["3 not named"]


def test_the_log_names_what_the_program_does_not_and_what_was_done() -> None:
    acted = event(1117, Threat_Name="Trojan:Win32/X", Detection_ID="{1}", Action_ID="2",
                  Error_Code="0x00000000")  # fmt: skip
    found = verdict(0, CLEAN, [FOUND, acted])
    (one,) = found.detections
    assert not found.error
    assert (one.threat, one.severity, one.action) == ("Trojan:Win32/X", "Severe", "quarantined")
    assert one.resources == ("C:\\x\\a.exe", "C:\\x\\b.zip")


def test_an_action_that_failed_is_told_with_its_error() -> None:
    failed = event(1118, Threat_Name="Trojan:Win32/X", Detection_ID="{1}", Action_Name="Remove",
                   Error_Code="0x80508023", Error_Description="Not found. ")  # fmt: skip
    (one,) = merged([FOUND, failed])
    assert one.action == "remove failed: Not found"


def test_what_real_time_protection_found_meanwhile_is_not_the_scans() -> None:
    other = event(1116, Threat_Name="Y", Detection_ID="{2}", Source_ID="3")
    assert [one.threat for one in merged([FOUND, other])] == ["Trojan:Win32/X"]


def test_a_scan_that_the_log_calls_failed_or_stopped_is_no_verdict() -> None:
    assert "stopped before its end" in verdict(0, CLEAN, [event(1002)]).error
    failed = event(1005, Error_Description="Access is denied. ")
    assert verdict(0, CLEAN, [failed]).error == "Defender's scan failed: Access is denied"


def test_a_path_with_the_marks_in_it_stays_whole() -> None:
    assert list(paths("file:_C:\\a:_b.txt; C:\\plain")) == ["C:\\a:_b.txt", "C:\\plain"]


def filetime(moment: datetime) -> int:
    return int((moment.timestamp() + 11_644_473_600) * 1e7)


@pytest.mark.parametrize(
    ("age", "words"), [(0, "are of today"), (1, "are 1 day old"), (40, "are 40 days old")]
)
def test_signatures_have_an_age(age: int, words: str) -> None:
    told = signatures("1.421.5.0", filetime(NOW - timedelta(days=age)), NOW)
    assert told == f"Defender's signatures 1.421.5.0 {words}"


def test_signatures_that_were_never_there_have_none() -> None:
    assert "absent, or were never updated" in signatures("", 0, NOW)
    assert "absent, or were never updated" in signatures("0.0.0.0", filetime(NOW), NOW)
    assert "absent, or were never updated" in signatures("1.1", 0, NOW)


@pytest.mark.parametrize(
    "applied", [1, filetime(NOW + timedelta(days=3)), 0xFFFFFFFFFFFFFFFF, 1 << 400]
)
def test_an_age_that_cannot_be_is_not_known(applied: int) -> None:
    assert "is not known" in signatures("1.421.5.0", applied, NOW)
