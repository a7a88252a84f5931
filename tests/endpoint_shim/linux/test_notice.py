"""What the device's user is told: by the system's own programs, as far as they are there."""

from pathlib import Path

import pytest

from endpoint_shim.linux import notice

# What wall and runuser are given, written down: nobody's terminal is written to by a test.
WALL = "#!/bin/sh\ncat > {folder}/wall\n"
RUNUSER = '#!/bin/sh\nprintf "%s\\n" "$DBUS_SESSION_BUS_ADDRESS" "$@" > {folder}/desktop\n'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("WALL", WALL), ("RUNUSER", RUNUSER), ("NOTIFY", "#!/bin/sh\n")):
        place = tmp_path / name.lower()
        place.write_text(text.format(folder=tmp_path / "said"))
        place.chmod(0o755)
        monkeypatch.setattr(notice, name, str(place))
    (tmp_path / "said").mkdir()
    (tmp_path / "run" / "0").mkdir(parents=True)
    monkeypatch.setattr(notice, "RUN", tmp_path / "run")
    return tmp_path


def test_terminals_and_desktops_are_told(programs: Path) -> None:
    (programs / "run" / "0" / "bus").touch()
    notice.show("-this device is isolated; 'x' $(y)")
    assert (programs / "said" / "wall").read_text() == "-this device is isolated; 'x' $(y)\n"
    words = (programs / "said" / "desktop").read_text().splitlines()
    assert words[0] == f"unix:path={programs}/run/0/bus"
    assert words[1:5] == ["-u", "root", "--", str(programs / "notify")]
    assert words[-2:] == ["Fireline", "-this device is isolated; 'x' $(y)"] and words[-3] == "--"


def test_who_has_neither_is_not_told_and_nothing_fails(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WALL", "NOTIFY", "RUNUSER"):
        monkeypatch.setattr(notice, name, "/nowhere/x")
    notice.show("anything")
    (programs / "wall").write_text("#!/bin/sh\nexit 3\n")
    monkeypatch.setattr(notice, "WALL", str(programs / "wall"))
    notice.show("anything")


def test_a_program_that_hangs_is_left(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "LIMIT_S", 0.2)
    (programs / "wall").write_text("#!/bin/sh\nexec sleep 60\n")
    notice.show("anything")
