"""Doubles of what Wine lacks, built into a run of the rig: libraries and programs, each named."""

import shutil
import subprocess
from pathlib import Path

from tests.windows import samples
from tests.windows.rig import Rig
from tests.windows.rig.build import CC, WINE

HERE = Path(__file__).parent
OPTIONS = ("-Wall", "-Werror", "-Wno-unused-function", "-D_WIN32_WINNT=0x0A00", f"-I{HERE}")
LIBRARIES = ("-ladvapi32", "-luser32")
SHARED = ("fwpuclnt", "netapi_double")
FOLDER = "doubles"
"""Beside the run's python.exe: a test inside finds it by `sys.base_prefix`."""
DLL = "fwpuclnt.dll"


def in_place(rig: Rig) -> dict[str, str]:
    """The double where Windows has the library; for a process with these in its environment."""
    library = rig.prefix / "drive_c/windows/system32" / DLL
    library.unlink()  # the build's own file has this name too
    shutil.copy(rig.executable.parent / FOLDER / DLL, library)
    return {"WINEDLLOVERRIDES": f"{WINE['WINEDLLOVERRIDES']};{DLL.removesuffix('.dll')}=n"}


def app_control_in_place(rig: Rig) -> None:
    """The doubles of App Control's tools, and samples, where Windows has them; for a run alone."""
    windows, made = rig.prefix / "drive_c/windows", rig.executable.parent / FOLDER
    system32 = windows / "system32"
    (system32 / "CodeIntegrity/CiPolicies/Active").mkdir(parents=True)
    for name, source in (
        ("CiTool.exe", "citool.exe"),
        ("wevtutil.exe", "wevtutil.exe"),
        ("WindowsPowerShell/v1.0/powershell.exe", "powershell.exe"),
    ):
        (system32 / name).unlink(missing_ok=True)
        shutil.copy(made / source, system32 / name)
    (system32 / "events.xml").write_text("")
    policies = windows / "schemas/CodeIntegrity/ExamplePolicies"
    policies.mkdir(parents=True)
    (policies / "AllowMicrosoft.xml").write_bytes(samples.ALLOW_MICROSOFT)
    (policies / "AllowAll.xml").write_bytes(samples.ALLOW_ALL)


def build(rig: Rig) -> None:
    folder = rig.executable.parent / FOLDER
    folder.mkdir()
    for source in sorted(HERE.glob("*.c")):
        kind = ("-shared",) if source.stem in SHARED else ("-municode",)
        name = source.stem + (".dll" if "-shared" in kind else ".exe")
        words = [*CC, *OPTIONS, *kind, "-o", str(folder / name), str(source), *LIBRARIES]
        subprocess.run(words, check=True)
