"""Field reports k11: file times out of any calendar, and what identifies a process."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.field import Field

YEARS = {"2107": 4_323_283_200, "9999": 253_402_300_799, "30828": 910_692_730_085, "max": 2**62}


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder of a file system that keeps every time (tmpfs); others cut them."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_year_30828_is_a_row_with_its_raw_number_and_its_neighbours_are_fine(
    field: Field, memory: Path
) -> None:
    for year, seconds in YEARS.items():
        file = memory / f"y{year}.txt"
        file.write_text(year)
        os.utime(file, (seconds, seconds))
        assert int(file.stat().st_mtime) == seconds, "this file system does not keep it"
    (memory / "good.txt").write_text("now\n")
    rows = {Path(row["path"]).name: row for row in field.rows(f"dir {memory}")}
    assert len(rows) == 5 and rows["good.txt"]["error"] == ""
    assert rows["y2107.txt"]["modified"] == "2107-01-01T00:00:00.000Z"
    assert rows["y9999.txt"]["modified"] == "9999-12-31T23:59:59.000Z"
    for year in ("30828", "max"):
        assert rows[f"y{year}.txt"]["error"] == "its modified time is out of range"
        fact = field.row(f"fileinfo {memory}/y{year}.txt")
        assert fact["modified"] == rows[f"y{year}.txt"]["modified"]
        assert "out of range" in fact["error"] and len(fact["sha256"]) == 64
    assert rows["y30828.txt"]["modified"] == f"{YEARS['30828']}000 out of range"
    table = field.on(f"dir {memory}")
    assert table.status == 0 and len(table.out.splitlines()) == 6
    assert f"{YEARS['30828']}000 out of range" in table.out


@pytest.mark.parametrize("seconds", [0, 315_532_799, -86_400])
def test_pre_1980_a_file_is_listed_and_taken(field: Field, tmp_path: Path, seconds: int) -> None:
    file = tmp_path / "old.txt"
    file.write_text("old\n")
    os.utime(file, (seconds, seconds))
    row = field.row(f"dir {file}")
    want = {0: "1970-01-01", 315_532_799: "1979-12-31", -86_400: "1969-12-31"}[seconds]
    assert row["modified"].startswith(want) and row["error"] == ""
    assert "old.txt taken: 4 bytes" in field.on(f"getfile {file} -auto").out


def test_clock_step_identity_is_boot_and_start_ticks_not_wall_time(field: Field) -> None:
    pid = os.getpid()
    row = field.row(f"processes -pid {pid}")
    ticks = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(") ")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert row["start_id"] == f"{boot}:{ticks}"
