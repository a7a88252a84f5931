"""The part of tools/windows_check.py that collects a whole package on a real Windows."""

import asyncio
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tools.windows_report import NotHere

FOLDERS = 11
"""Defender's own folder needs a build of 2020 or later, Prefetch a system that keeps it."""


def a_package_is_collected(folder: Path) -> str:
    """Every data point of the recipe on this Windows: a valid zip; what failed is told"""
    return asyncio.run(_collected(folder))


async def _collected(folder: Path) -> str:
    if sys.platform != "win32":
        raise NotHere("this is not Windows")
    from commands.language.host.package import DataPointRow
    from commands.language.names import from_text
    from endpoint_shim.collecting import recipes
    from endpoint_shim.collecting.manifest import Clock
    from endpoint_shim.collecting.package import PackageMaker
    from endpoint_shim.identity import make_request
    from endpoint_shim.policy import Policy
    from endpoint_shim.windows.collecting import WindowsSide
    from endpoint_shim.windows.files import WindowsFiles
    from endpoint_shim.windows.jobs import open_groups
    from endpoint_shim.windows.programs import WindowsPrograms

    session, key, archive = folder / "session", folder / "key.pem", folder / "package.zip"
    session.mkdir()
    key.write_bytes(make_request("here")[0])
    at = from_text(str(session))
    group = open_groups(folder).worker(1).under("c1")
    side = WindowsSide(WindowsFiles(at, Policy()), WindowsPrograms(at, group))
    maker = PackageMaker(
        Policy(device="here"), key, session, side, recipes.load(folder), Clock.read(0)
    )
    rows: list[DataPointRow] = []
    with archive.open("wb") as file:
        async for item in maker.collected([], 1 << 31):
            if isinstance(item, bytes):
                file.write(item)
            elif isinstance(item, DataPointRow):
                rows.append(item)
    with zipfile.ZipFile(archive) as found:
        assert found.testzip() is None
        folders = {name.partition("/")[0] for name in found.namelist() if "/" in name}
    assert len(folders) >= FOLDERS, f"only {sorted(folders)}"
    counted = Counter(row.status for row in rows)
    failed = [
        f"{row.folder}/{row.file}: {row.error}"
        for row in rows
        if row.status in ("failed", "timed out")
    ]
    size = archive.stat().st_size // 1000
    told = ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
    return f"{len(folders)} folders, {size:,} kB: {told}" + "".join(f"; {one}" for one in failed)


PARTS: tuple[Callable[[Path], str], ...] = (a_package_is_collected,)
