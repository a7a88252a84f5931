"""`fireline-endpoint.exe`, built in the rig by PyInstaller from this tree.

Once for one tree (a minute), then reused, as the rig is; of older trees two are kept.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from .build import HALF, RigMissing, built, one_builder
from .running import ROOT, Rig

BUILD_S = 600
KEPT = 3
TOOL = ROOT / "tools" / "windows_exe.py"
PLACE = "fireline-endpoint/fireline-endpoint.exe"


def frozen(rig: Rig) -> Path:
    """The exe of today's tree, with its libraries beside it."""
    cache = built().parent / "exe"
    cache.mkdir(exist_ok=True)
    place = cache / _tree()
    with one_builder(cache):
        if not place.exists():
            _build(rig, place)
            _forget_older(cache)
        place.touch()
    return place / PLACE


def _tree() -> str:
    """One name for all that goes into it."""
    total = hashlib.sha256(built().name.encode())
    sources = [TOOL, *(ROOT / "commands").rglob("*.py"), *(ROOT / "endpoint_shim").rglob("*.py")]
    for path in sorted(sources):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def _build(rig: Rig, place: Path) -> None:
    making = Path(tempfile.mkdtemp(prefix=HALF, dir=place.parent))
    try:
        words = [rig.path(TOOL), rig.path(making / "dist"), rig.path(making / "work")]
        done: subprocess.CompletedProcess[bytes] = rig.run(["-I", *words], timeout=BUILD_S)
        if done.returncode or not (making / "dist" / PLACE).exists():
            said = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
            raise RigMissing(f"PyInstaller ended with {done.returncode}: {said}")
        (making / "dist").rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _forget_older(cache: Path) -> None:
    kept = [one for one in cache.iterdir() if one.is_dir()]
    for old in sorted(kept, key=lambda one: one.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old)
