"""A Windows with drives of every kind, as the rig's registry has them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.windows.rig import Rig, rig
from tests.windows.rig.running import ROOT

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows")]

# Z: is where the Python itself lies; as a network drive it is not searched.
KINDS = {"n": "network", "z": "network", "r": "floppy", "s": "cdrom", "t": "hd"}
PLUG = """
import sys, winreg
key = winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, r"Software\\Wine\\Drives")
for letter, kind in zip(sys.argv[1::2], sys.argv[2::2]):
    winreg.SetValueEx(key, f"{letter}:", 0, winreg.REG_SZ, kind)
"""
SEARCH = """
import json
from commands.language.errors import Refused
from endpoint_shim.policy import Policy
from endpoint_shim.windows import drives
from endpoint_shim.windows.listing import listing
from endpoint_shim.windows.search import Search
found = list(Search("n*PAD.exe", None, Policy()).rows())
try:
    refused = list(listing("N:\\\\", True, Policy()))
except Refused as error:
    refused = str(error)
paths = [one if isinstance(one, str) else one.path for one in found]
print(json.dumps([drives.local(), paths, refused]))
"""


@pytest.fixture
def plugged(windows: Rig, tmp_path: Path) -> Iterator[Rig]:
    """A run of its own, started again once its registry names the drives."""
    with rig(ROOT) as own:
        for letter in KINDS.keys() - {"z"}:
            (tmp_path / letter).mkdir()
            (own.prefix / "dosdevices" / f"{letter}:").symlink_to(tmp_path / letter)
        (tmp_path / "t" / "notPad.exe").touch()
        (tmp_path / "n" / "notepad.exe").touch()
        words = [word for pair in KINDS.items() for word in pair]
        assert own.run(["-I", "-c", PLUG, *words]).returncode == 0
        subprocess.run(["wineserver", "-k"], env=own.environment(), check=True)
        yield own


def test_a_search_of_all_drives_takes_the_fixed_ones_and_names_the_others(plugged: Rig) -> None:
    done = plugged.run(["-I", "-X", "utf8", "-c", SEARCH], timeout=90)
    assert done.returncode == 0, done.stderr.decode()
    local, found, refused = json.loads(done.stdout)
    assert local == ["C", "T"]
    *paths, said = found
    assert "C:\\windows\\notepad.exe" in paths and "T:\\notPad.exe" in paths
    assert not any(path[:2] in ("N:", "Z:") for path in paths)
    assert said == (
        "left out, no local file systems: "
        "N:\\ (network), R:\\ (removable), S:\\ (CD), Z:\\ (network)"
    )
    assert "is on a network drive" in refused
