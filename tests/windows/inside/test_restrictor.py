"""The restriction through doubles of CiTool, PowerShell and wevtutil: which words, in which order,
and what is left when one of them refuses. Nothing is enforced by them.
"""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.wire_contain import Seen
from endpoint_shim.restrictor import Known
from endpoint_shim.windows.app_control import SCRIPT
from endpoint_shim.windows.control_policy import ONLY_ONE, OURS
from endpoint_shim.windows.restrictor import WindowsRestrictor
from tests.windows.samples import ALLOW_ALL, ALLOW_MICROSOFT

DOUBLES = Path(sys.base_prefix, "doubles")
pytestmark = pytest.mark.skipif(not DOUBLES.exists(), reason="the doubles are the rig's")

PLAIN = f"-NoProfile\t-NonInteractive\t-ExecutionPolicy\tBypass\t-File\t{SCRIPT}"
EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<EventID>{number}</EventID><EventRecordID>{record}</EventRecordID>"
    "<TimeCreated SystemTime='2026-11-29T10:00:00.0000000Z'/></System><EventData>"
    "<Data Name='File Name'>{file}</Data><Data Name='Process Name'>cmd.exe</Data>"
    "<Data Name='PolicyGUID'>{policy}</Data></EventData></Event>\n"
)


class Windows:
    """A folder that is laid out as Windows' own; `many` with CiTool."""

    def __init__(self, folder: Path, *, many: bool) -> None:
        self.state = folder / "a state"
        self.state.mkdir()
        self.system32 = folder / "Windows/System32"
        self.active = self.system32 / "CodeIntegrity/CiPolicies/Active"
        self.active.mkdir(parents=True)
        samples = folder / "Windows/schemas/CodeIntegrity/ExamplePolicies"
        samples.mkdir(parents=True)
        (samples / "AllowMicrosoft.xml").write_bytes(ALLOW_MICROSOFT)
        (samples / "AllowAll.xml").write_bytes(ALLOW_ALL)
        powershell = self.system32 / "WindowsPowerShell/v1.0"
        powershell.mkdir(parents=True)
        shutil.copy(DOUBLES / "powershell.exe", powershell)
        shutil.copy(DOUBLES / "wevtutil.exe", self.system32)
        if many:
            shutil.copy(DOUBLES / "citool.exe", self.system32 / "CiTool.exe")
        self.policy = (
            self.active / f"{OURS}.cip" if many else self.system32 / "CodeIntegrity/SiPolicy.p7b"
        )
        self.own = folder / "own"
        self.own.mkdir()
        shutil.copy(DOUBLES / "wevtutil.exe", self.own / "shim.exe")
        (self.own / "notes.txt").write_text("no program")
        self.event(1, "old.exe")
        self.restrictor = self.made()

    def made(self, build: int = 22631) -> WindowsRestrictor:
        return WindowsRestrictor(self.state, self.system32, here=lambda: build)

    def event(self, record: int, file: str, number: int = 3077, policy: str = OURS) -> None:
        line = EVENT.format(number=number, record=record, file=file, policy=policy)
        with (self.system32 / "events.xml").open("a", newline="") as log:
            log.write(line)

    def log(self, program: str) -> list[str]:
        path = next(self.system32.rglob(f"{program}.log"), None)
        return [] if path is None else path.read_text(encoding="utf-8").splitlines()

    def start(self) -> None:
        self.restrictor.start(Known((self.own,)))

    def seen(self, count: int) -> Sequence[Seen]:
        """Asked as the guard does, until there are so many."""
        found: list[Seen] = []
        while len(found) < count:
            found += self.restrictor.seen()
            time.sleep(0.01)
        return found


@pytest.fixture
def windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Windows]:
    # The rig's whole Python would be read for each of these.
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr("endpoint_shim.windows.blocked.EVERY_S", 0.0)
    yield Windows(tmp_path, many=True)


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Windows]:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    yield Windows(tmp_path, many=False)


def test_it_converts_gives_and_finds_it_enforced(windows: Windows) -> None:
    proof = windows.restrictor.start(Known((windows.own,)))
    folder = windows.state / "app-control"
    assert windows.log("powershell.exe") == [
        f"{PLAIN}\t-Work\tconvert\t-From\t{folder / name}.xml\t-To\t{folder / name}.new.bin"
        for name in ("inactive", "restrict")
    ]
    assert windows.log("CiTool.exe") == [
        f"--update-policy\t{folder / 'restrict.bin'}\t-json",
        "--list-policies\t-json",
    ]
    assert windows.policy.read_bytes() == (folder / "restrict.bin").read_bytes()
    assert proof.by == "App Control, which knows 2 programs of the shim's"
    assert len(proof.sha256) == 64 and windows.restrictor.alive()


def test_the_policy_has_the_shims_programs_and_no_other_file(windows: Windows) -> None:
    windows.start()
    text = windows.policy.read_text(encoding="utf-8")
    assert text.startswith(f"CIP {OURS} enforced\n")
    assert f'FriendlyName="{windows.own / "shim.exe"}" Hash="' in text
    assert f'FilePath="{windows.own}\\*"' in text and "notes.txt" not in text


def test_its_end_is_a_policy_that_allows_everything_and_then_none(windows: Windows) -> None:
    windows.start()
    windows.restrictor.stop()
    inactive = windows.state / "app-control/inactive.bin"
    assert windows.log("CiTool.exe")[2:] == [
        f"--update-policy\t{inactive}\t-json",
        f"--remove-policy\t{OURS}\t-json",
    ]
    assert list(windows.active.iterdir()) == []
    assert list((windows.state / "app-control").iterdir()) == []
    assert not windows.restrictor.alive()
    windows.restrictor.stop()
    assert len(windows.log("CiTool.exe")) == 4


def test_another_process_of_the_shim_finds_it_and_can_end_it(windows: Windows) -> None:
    windows.start()
    again = windows.made()
    assert again.alive()
    again.stop()
    assert list(windows.active.iterdir()) == []


def test_its_end_needs_nothing_of_the_state_folder(windows: Windows) -> None:
    windows.start()
    shutil.rmtree(windows.state / "app-control")
    windows.made().stop()
    assert list(windows.active.iterdir()) == []


def test_a_policy_that_somebody_took_away_or_changed_is_missed(windows: Windows) -> None:
    windows.start()
    kept = windows.policy.read_bytes()
    windows.policy.write_bytes(kept + b" ")
    assert not windows.restrictor.alive()
    windows.policy.unlink()
    assert not windows.restrictor.alive()
    windows.start()
    assert windows.restrictor.alive() and windows.policy.read_bytes() == kept


def test_what_is_not_taken_is_told_and_leaves_nothing(windows: Windows) -> None:
    (windows.system32 / "refuse").touch()
    with pytest.raises(Failed, match=r"CiTool.exe --update-policy was refused: -2147024891"):
        windows.start()
    assert list(windows.active.iterdir()) == [] and not windows.restrictor.alive()


def test_what_is_taken_and_not_enforced_is_taken_away(windows: Windows) -> None:
    real = windows.restrictor._control.is_enforced
    windows.restrictor._control.is_enforced = lambda: real() and False  # type: ignore[method-assign]
    with pytest.raises(Failed, match="was taken, and Windows does not enforce it"):
        windows.start()
    assert list(windows.active.iterdir()) == []


def test_a_windows_without_samples_or_powershells_module_says_so(windows: Windows) -> None:
    sample = windows.system32.parent / "schemas/CodeIntegrity/ExamplePolicies/AllowMicrosoft.xml"
    sample.write_bytes(ALLOW_MICROSOFT.replace(b"PolicyID", b"Other"))
    with pytest.raises(
        Failed, match=r"powershell.exe -NoProfile ended with 1: ConvertFrom-CIPolicy"
    ):
        windows.start()
    sample.unlink()
    with pytest.raises(Failed, match="this Windows carries no .*AllowMicrosoft.xml"):
        windows.start()


def test_what_was_blocked_is_told_once_with_its_number(windows: Windows) -> None:
    windows.start()
    for record in (2, 3):
        windows.event(record, r"\Device\HarddiskVolume3\evil.exe")
    windows.event(4, "other-policy.exe", policy="{11111111-1111-1111-1111-111111111111}")
    windows.event(5, "audited.exe", number=3076)
    (seen,) = windows.seen(1)
    assert (seen.kind, seen.at_ms) == ("blocked", 1_795_946_400_000)
    assert seen.text == (
        r"\Device\HarddiskVolume3\evil.exe was not started, which cmd.exe asked for: "
        "Microsoft did not sign it (2 times)"
    )
    windows.event(6, "next&#x202e;exe", policy="")
    (seen,) = windows.seen(1)
    assert seen.text.startswith(r"next\u{202e}exe was not started")


def test_a_question_that_hangs_is_given_up_and_asked_again(
    windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows.start()
    (windows.system32 / "hang").touch()
    asked = len(windows.log("wevtutil.exe"))
    monkeypatch.setattr("endpoint_shim.windows.blocked.LONGEST_S", 0.5)
    while len(windows.log("wevtutil.exe")) < asked + 3:
        assert windows.restrictor.seen() == ()
    (windows.system32 / "hang").unlink()
    windows.event(2, "evil.exe")
    (seen,) = windows.seen(1)
    assert seen.text.startswith("evil.exe was not started")


def test_where_there_is_one_policy_it_is_put_in_its_place_and_refreshed(older: Windows) -> None:
    older.start()
    folder = older.state / "app-control"
    assert older.log("powershell.exe")[2:] == [
        f"{PLAIN}\t-Work\trefresh\t-From\t{older.policy}",
        f"{PLAIN}\t-Work\tstatus",
    ]
    assert older.policy.read_text().startswith(f"CIP {ONLY_ONE} enforced\n")
    assert older.restrictor.alive()
    older.restrictor.stop()
    assert not older.policy.exists() and list(folder.iterdir()) == []


def test_where_there_is_one_policy_ours_is_known_after_a_start_that_was_cut_off(
    older: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    older.start()
    shutil.copy(DOUBLES / "citool.exe", older.own / "newer.exe")
    with monkeypatch.context() as cut:
        cut.setattr(older.restrictor, "_put", lambda _: None)
        older.start()
    assert not older.restrictor.alive()
    again = older.made()
    again.start(Known((older.own,)))
    assert again.alive() and "newer.exe" in older.policy.read_text()
    again.stop()
    assert not older.policy.exists()


def test_where_there_is_one_policy_anothers_is_not_replaced(older: Windows) -> None:
    older.policy.write_bytes(b"an organisation's")
    with pytest.raises(Refused, match="has an App Control policy of its own"):
        older.start()
    assert older.policy.read_bytes() == b"an organisation's"
    older.restrictor.stop()
    assert older.policy.read_bytes() == b"an organisation's"


def test_before_1903_there_are_no_rules_for_folders_and_before_1709_nothing(older: Windows) -> None:
    proof = older.made(17763).start(Known((older.own,)))
    assert "FilePath" not in older.policy.read_text()
    assert any("what responders bring does not start" in note for note in proof.notes)
    with pytest.raises(
        Failed, match=r"the restriction of programs needs Windows 10 1709 \(build 16299\)"
    ):
        older.made(16298).start(Known((older.own,)))
