"""Field reports k19: a device whose locale writes `12,5`, and what its tools say then.

What Windows' tools say in German (`schtasks-lang`, `netstat-lang`): tests/windows/test_collect.py.
"""

import csv
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.field import DEVICE, Field
from tests.journeys.rig import House

DATA = "/usr/share/i18n/locales/de_DE"
pytestmark = pytest.mark.needs("ssh", "sftp", "localedef", DATA)
NUMBER = re.compile(r"\d+(\.\d+)?")
RECIPE = "points: [{folder: Mine, file: number.txt, command: [printf, '%.1f', '12.5']}]\n"


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """A shim that a German machine started."""
    folder = tmp_path_factory.mktemp("german")
    words = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.UTF-8")]
    subprocess.run(words, check=True, capture_output=True)
    locale = {"LOCPATH": str(folder), "LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"}
    # The shell's own printf, and the one that the recipe names.
    told = subprocess.run(
        ["/usr/bin/printf", "%.1f", "12,5"], env=locale, check=True, capture_output=True
    )
    assert told.stdout == b"12,5", "this locale would prove nothing"
    with (
        pytest.MonkeyPatch.context() as environment,
        House(folder / "h", {"reserve_bytes": 1 << 20, "left_open_s": 1}) as house,
    ):
        shim = house.enrol(DEVICE)
        recipes = shim.state / "recipes.d"
        recipes.mkdir(mode=0o700)
        (recipes / "mine.yaml").write_text(RECIPE)
        (recipes / "mine.yaml").chmod(0o600)
        for name, value in locale.items():
            environment.setenv(name, value)
        house.start_shim(DEVICE)
        environment.undo()
        yield Field(house)


def test_decimal_comma_numbers_have_a_point_in_every_output(german: Field) -> None:
    me = f"-pid {os.getpid()}"
    [row] = csv.DictReader(io.StringIO(german.on(f"processes {me} -output csv").out))
    assert NUMBER.fullmatch(row["cpu"]) and int(row["working_set"]) > 1 << 20, row
    [whole] = json.loads(german.on(f"processes {me} -output json").out)
    assert abs(float(row["cpu"]) - whole["cpu"]) < 60
    assert float(row["cpu"]) > 0.01, "this very process has worked"


def test_decimal_comma_what_the_shim_starts_speaks_no_language(german: Field) -> None:
    german.house.run("library add number.sh", stdin=b"/usr/bin/printf '%.1f %s' 12.5 $LANG\n")
    ran = german.on("run number.sh")
    assert (ran.status, ran.out.strip()) == (0, "12.5 C.UTF-8"), ran


def test_decimal_comma_a_packages_tools_speak_none_either(german: Field, tmp_path: Path) -> None:
    ran = german.on("collect -only Mine -comment INC-19")
    found = re.search(r"(/packages/\S+\.zip)", ran.err)
    assert found is not None, ran
    got = german.client("sftp", "-q", "-b", "-", "fireline", stdin=f"get {found[1]} {tmp_path}/p")
    assert got.status == 0, got
    with zipfile.ZipFile(tmp_path / "p") as package:
        assert package.read("Mine/number.txt") == b"12.5"


def test_netstat_lang_states_are_words_of_ours(german: Field) -> None:
    states = {row["status"] for row in german.rows("connections") if row["protocol"] == "tcp"}
    assert "LISTEN" in states
    assert all(re.fullmatch(r"[A-Z0-9_]+", state) for state in states), states
