"""Doubles of what Wine lacks, built into a run of the rig: libraries and programs, each named."""

import subprocess
from pathlib import Path

from tests.windows.rig import Rig
from tests.windows.rig.build import CC

HERE = Path(__file__).parent
OPTIONS = ("-Wall", "-Werror", "-Wno-unused-function", "-D_WIN32_WINNT=0x0A00", f"-I{HERE}")
LIBRARIES = ("-ladvapi32", "-luser32")
FOLDER = "doubles"
"""Beside the run's python.exe: a test inside finds it by `sys.base_prefix`."""


def build(rig: Rig) -> None:
    folder = rig.executable.parent / FOLDER
    folder.mkdir()
    for source in sorted(HERE.glob("*.c")):
        kind = ("-shared",) if source.stem == "fwpuclnt" else ("-municode",)
        name = source.stem + (".dll" if "-shared" in kind else ".exe")
        words = [*CC, *OPTIONS, *kind, "-o", str(folder / name), str(source), *LIBRARIES]
        subprocess.run(words, check=True)
