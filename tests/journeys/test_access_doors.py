"""Role x word x scope x door, each cell through the real door: what is told and what is recorded is
what the one deciding function says.

The matrix over the function itself is tests/identity/test_access_matrix.py's; this one sees that
every door asks it, and asks it rightly. The rig is trusted because the broker in `broken/`, broken
on purpose, fails it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.journeys.access_doors import AT_ONCE, OPEN, PEOPLE, Doors, become, opened
from tests.journeys.access_files import Files
from tests.journeys.rig import SERVER

pytestmark = [
    pytest.mark.needs("ssh", "sftp", "scp"),
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.xdist_group("access doors"),
]

BROKEN = Path(__file__).parent / "broken" / "opens_side_doors.py"


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with opened(tmp_path_factory.mktemp("doors"), SERVER) as doors:
        yield doors


def test_every_word_is_judged_at_every_door_as_the_one_function_says(doors: Doors) -> None:
    def by(person: str) -> None:
        doors.exec(person)
        doors.shells(person)
        doors.channels(person)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(by, PEOPLE))
    for person in PEOPLE:
        become(doors, person)
        doors.admin(person)
    assert list(doors.mistold()) == []
    assert list(doors.misjudged()) == []
    assert doors.typed - {one.cell for one in doors.decisions()} == set()


def test_files_come_and_go_for_those_alone_who_may(doors: Doors, tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = pool.map(lambda person: Files(doors, person, tmp_path).wrong(), PEOPLE)
        assert [line for lines in wrong for line in lines] == []


def test_this_account_gets_what_a_line_on_a_device_gives(doors: Doors) -> None:
    become(doors, "advanced")
    ran = doors.by_socket(f"on {OPEN} exec seq 300000; echo wrong >&2; exit 7")
    assert ran.status == 7
    assert ran.out == "".join(f"{number}\n" for number in range(1, 300_001))
    assert ran.err.startswith("wrong\n")


def test_a_broker_with_side_doors_is_caught(tmp_path: Path) -> None:
    with opened(tmp_path / "broken", [str(BROKEN)]) as doors:
        become(doors, "basic")
        doors.channels("basic")
        doors.admin("basic")
        caught = list(doors.misjudged())
        for door in ("lines", "admin"):
            assert [line for line in caught if f"door='{door}'" in line]
        assert not [line for line in caught if "door='console'" in line]
        assert [line for line in doors.mistold() if "door='admin'" in line]
        wrong = Files(doors, "basic", tmp_path).wrong()
        assert wrong and all(line.startswith("scp") for line in wrong), wrong
