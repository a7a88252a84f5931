"""`&` where a session ends with its one command, or with the end of its lines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(90)]

DEVICE = "web-02"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("behind") / "house", {"reserve_bytes": 1 << 20}) as house:
        house.start_shim(DEVICE)
        yield house


def refused(word: str) -> str:
    return (
        f"not understood: {word} & would be stopped at once, for one command's session ends with "
        "it; leave out the &, or connect NAME and type it there"
    )


def test_an_exec_refuses_it_in_one_sentence_and_nothing_runs(house: House) -> None:
    before = house.started()
    for line, word in (
        (f"on {DEVICE} getfile /etc/hostname &", "getfile"),
        (f"on {DEVICE} dir / &", "dir"),
        ("devices &", "devices"),
    ):
        ran = house.run(line)
        assert (ran.status, ran.out, ran.err) == (2, "", refused(word) + "\n"), line
    assert house.started() == before


def test_on_refuses_it_at_the_prompt_too(house: House) -> None:
    with Screen(house.ssh("", "-tt")[:-1], columns=200) as s:
        s.until(r"^fireline>$")
        s.enter(f"on {DEVICE} dir / &")
        s.until("^" + refused("dir"))
        s.type("\x04")
        s.status()


def test_the_end_of_the_lines_says_what_it_stops(house: House, tmp_path: Path) -> None:
    (tmp_path / "wait.sh").write_text("#!/bin/sh\nexec sleep 600\n")
    added = house.run("library add wait.sh", stdin=(tmp_path / "wait.sh").read_bytes())
    assert added.status == 0, added.err
    ran = house.run(f"connect {DEVICE}", stdin=b"run wait.sh &\ndir / -output json\n")
    assert ran.status == 0, ran.err
    assert "job 1 runs behind" in ran.err
    assert f"job 1 cancelled: run stopped on {DEVICE} by its session's end" in ran.err
