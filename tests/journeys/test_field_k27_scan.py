"""Field reports k27: what a scanner's daemon cannot read itself is read all the same.

Defender itself (`defender-off`, `sig-age`): tests/endpoint_shim/windows/test_defender_words.py and
tests/windows/test_scan.py.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoint_shim.linux.clam import MARK, THREAT, daemon
from tests.journeys.field import DEVICE, Field

pytestmark = [pytest.mark.needs("clamd"), pytest.mark.xdist_group("clamd")]


@pytest.fixture
def scanned(field: Field) -> Iterator[Field]:
    """The device's scanner runs as an account that reads nothing of root's."""
    settings = field.house.shims[DEVICE].state / "shim.toml"
    assert not settings.exists()
    with daemon() as clamd:
        settings.write_text(f'clamd = "{clamd}"\n', "utf-8")
        settings.chmod(0o600)
        yield field
    settings.unlink()


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Root's alone: a folder that nobody else enters, and a file that nobody else reads."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    (folder / "secret.bin").write_bytes(b"only root\n")
    (folder / "secret.bin").chmod(0o600)
    yield folder
    shutil.rmtree(folder)


def test_fdpass_a_file_that_only_root_reads_is_scanned_and_never_skipped(
    scanned: Field, closed: Path
) -> None:
    ran = scanned.on(f"scan -path {closed} -comment INC-27")
    assert ran.status == 0, ran.err
    row = json.loads(scanned.house.run(f"actions -device {DEVICE} -output json").out)[0]
    assert (row["state"], row["said"]) == ("Succeeded", "nothing was found"), row
    (closed / "secret.bin").write_bytes(b"only root\n" + MARK)
    ran = scanned.on(f"scan -path {closed} -comment INC-27")
    assert f"{closed}/secret.bin" in ran.out and THREAT in ran.out, ran
