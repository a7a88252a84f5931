"""A library file that is damaged or gone: what needs it ends at once, with what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House

pytestmark = [pytest.mark.needs("ssh", "ssh-keygen")]

LIMIT_S = 20.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("damaged") / "house", {"reserve_bytes": 1 << 20}) as house:
        house.start_shim("web-01")
        yield house


@pytest.mark.parametrize("how", ["damaged", "gone"])
@pytest.mark.parametrize("word", ["run", "putfile"])
def test_it_ends_with_what_to_do_and_the_device_has_nothing_of_it(
    house: House, tmp_path: Path, word: str, how: str
) -> None:
    name, mark = f"{word}-{how}.sh", tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {mark}\n".encode()
    assert house.run(f"library add {name}", stdin=script).status == 0
    (kept,) = [f for f in (house.home / "library").iterdir() if f.read_bytes() == script]
    if how == "gone":
        kept.unlink()
    else:
        kept.write_bytes(script + b"# more\n")
    line = f"run {name}" if word == "run" else f"putfile {name} -path {mark}"
    ran = house.run(f"on web-01 {line}", limit=LIMIT_S)
    assert ran.status == 1 and "from backup" in ran.err, ran.err
    assert ran.err.startswith(f"failed: {word} on web-01: the library's bytes of ")
    assert not mark.exists()
    assert house.run("on web-01 pwd").status == 0
