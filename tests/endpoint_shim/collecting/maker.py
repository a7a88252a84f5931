"""Packages made in this process by the real Linux side, and what is in them."""

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands.language import wire
from commands.language.host.package import DataPointRow
from commands.language.items import Into, Note, Progress, Taken
from commands.language.names import from_text
from endpoint_shim.collecting.manifest import Clock
from endpoint_shim.collecting.package import PackageMaker
from endpoint_shim.collecting.recipes import Recipes, parse
from endpoint_shim.groups import Group
from endpoint_shim.identity import make_request
from endpoint_shim.linux.collecting import LinuxSide
from endpoint_shim.linux.files import LinuxFiles
from endpoint_shim.linux.programs import LinuxPrograms
from endpoint_shim.policy import Policy
from tests.endpoint_shim.linux.open_policy import OpenPolicy


@dataclass
class Package:
    """What a collection gave."""

    data: bytes = b""
    name: str = ""
    rows: list[DataPointRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    pieces: int = 0

    @property
    def zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(self.data))

    def read(self, name: str) -> bytes:
        return self.zip.read(name)

    def row(self, file: str) -> DataPointRow:
        (found,) = (row for row in self.rows if row.file == file)
        return found

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads(self.read("MANIFEST.json")))

    @property
    def summary(self) -> list[dict[str, str]]:
        text = self.read("CollectionSummaryReport.csv").decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def unpacked(self, folder: Path) -> Path:
        """By Info-ZIP, as a person would."""
        (folder / "package.zip").write_bytes(self.data)
        words = ["unzip", "-q", "-d", str(folder / "unpacked"), str(folder / "package.zip")]
        subprocess.run(words, check=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        return folder / "unpacked"


@dataclass
class Maker:
    """A device with a key and a session's folder."""

    folder: Path
    group: Group
    off_limits: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()

    async def make(
        self, recipe: str, only: Sequence[str] = (), most: int = 1 << 30, broker_ms: int = 0
    ) -> Package:
        key = self.folder / "key.pem"
        key.write_bytes(make_request("web-01")[0])
        session = self.folder / "session"
        session.mkdir(exist_ok=True)
        found = parse(recipe.encode())
        recipes = Recipes(list(found.points), {k: list(v) for k, v in found.versions.items()})
        at = from_text(str(session))
        policy = Policy(wire.Policy(deny=dict.fromkeys(self.denied, 1)), "web-01")
        side = LinuxSide(
            LinuxFiles(at, OpenPolicy(*self.off_limits)), LinuxPrograms(at, self.group)
        )
        maker = PackageMaker(policy, key, session, side, recipes, Clock.read(broker_ms))
        package = Package()
        data: list[bytes] = []
        async for item in maker.collected(only, most):
            match item:
                case bytes():
                    data.append(item)
                case DataPointRow():
                    package.rows.append(item)
                case Note(text=text):
                    package.notes.append(text)
                case Progress():
                    package.progress.append(item)
                case Into(name=name):
                    package.name = name
                case Taken(size=size, sha256=sha256):
                    package.data, package.pieces = b"".join(data), len(data)
                    assert size == len(package.data)
                    assert sha256 == hashlib.sha256(package.data).hexdigest()
        assert list(session.iterdir()) == []  # nothing of it stays on the device
        return package
