"""A device revoked under a console: the session ends, its person stays and is told why."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journeys.rig import House
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(150)]

IDLE = 4


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("revoked") / "house", limits) as house:
        for number in range(IDLE):
            house.start_shim(f"web-{number}")
        yield house


def console(house: House) -> Screen:
    return Screen(house.ssh("", "-tt")[:-1], columns=120)


def on_device(s: Screen, name: str) -> None:
    s.until(r"^fireline>$")
    s.enter(f"connect {name}")
    s.until(rf"^{name} />$")


def test_its_person_comes_back_to_fireline_with_the_reason(house: House) -> None:
    for number in range(IDLE):
        name = f"web-{number}"
        with console(house) as s:
            on_device(s, name)
            if number % 2:  # a shell that was left open, as well
                s.enter("shell")
                s.until(lambda s: bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y])))
                s.type("\x1d")
                s.until(rf"^{name} \[1 job\] />$")
            session = house.sessions()[-1]
            with ThreadPoolExecutor(1) as operator:
                revoking = operator.submit(house.admin, f"revoke {name}")
                while not (revoking.done() and "has ended" in s.text) and s.read(0.002):
                    s.type("x\x7f")  # drawn anew all the while that the session ends
            assert revoking.result()[0] == 0, revoking.result()
            s.until(rf"^{session} has ended: {name} was revoked$")
            s.until(r"^fireline>")
            assert "failed" not in s.text, s.text
            above, _, _ = s.text.partition(f"{session} has ended")
            assert above.splitlines()[-1].startswith(f"{name} "), s.text
            s.type("\x03")
            s.enter("devices")
            s.until(r"^\d+ rows?, ")
            s.enter("exit")
            assert s.status() == 0


def test_a_console_of_that_session_alone_ends_with_the_reason(house: House) -> None:
    house.start_shim("own-0")
    with Screen(house.ssh("connect own-0", "-tt"), columns=120) as s:
        s.until(r"^own-0 />$")
        session = house.sessions()[-1]
        house.admin("revoke own-0")
        s.until(rf"^{session} has ended: own-0 was revoked$")
        assert s.status() == 3
        assert "fireline>" not in s.all_text
