"""Doubles of what Wine lacks, built into a run of the rig: libraries and programs, each named."""

import shutil
import subprocess
from pathlib import Path

from tests.windows.rig import Rig
from tests.windows.rig.build import CC, WINE

HERE = Path(__file__).parent
OPTIONS = ("-Wall", "-Werror", "-Wno-unused-function", "-D_WIN32_WINNT=0x0A00", f"-I{HERE}")
LIBRARIES = ("-ladvapi32", "-luser32")
FOLDER = "doubles"
"""Beside the run's python.exe: a test inside finds it by `sys.base_prefix`."""
DLL = "fwpuclnt.dll"


def in_place(rig: Rig) -> dict[str, str]:
    """The double where Windows has the library; for a process with these in its environment."""
    library = rig.prefix / "drive_c/windows/system32" / DLL
    library.unlink()  # the build's own file has this name too
    shutil.copy(rig.executable.parent / FOLDER / DLL, library)
    return {"WINEDLLOVERRIDES": f"{WINE['WINEDLLOVERRIDES']};{DLL.removesuffix('.dll')}=n"}


def build(rig: Rig) -> None:
    folder = rig.executable.parent / FOLDER
    folder.mkdir()
    for source in sorted(HERE.glob("*.c")):
        kind = ("-shared",) if source.stem == "fwpuclnt" else ("-municode",)
        name = source.stem + (".dll" if "-shared" in kind else ".exe")
        words = [*CC, *OPTIONS, *kind, "-o", str(folder / name), str(source), *LIBRARIES]
        subprocess.run(words, check=True)
