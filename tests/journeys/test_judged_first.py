"""Who may not type a word is told that, before anything is looked up or run for it."""

from collections.abc import Iterator

import pytest

from tests.journeys.rig import House, until

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "db-02"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("judged") / "house", {"reserve_bytes": 1 << 20}) as house:
        house.start_shim(DEVICE)
        policy = house.shims[DEVICE].state / "policy.toml"
        policy.write_text('deny = ["putfile", "getfile"]\n')
        policy.chmod(0o600)
        until("the broker knows", lambda: "refused" in house.run(f"why putfile {DEVICE}").out)
        yield house


def test_the_device_policy_comes_before_the_library(house: House) -> None:
    ran = house.run(f"on {DEVICE} putfile nosuch -keep")
    assert ran.status == 3, ran.err
    assert ran.err.startswith(
        f"refused: putfile on {DEVICE} by its own policy (policy.toml line 1)"
    )


def test_the_role_comes_before_the_library_and_before_the_missing_terminal(house: House) -> None:
    for word in ("putfile nosuch -keep", "run nosuch", "shell"):
        ran = house.run(f"on {DEVICE} {word}", host="fireline-basic")
        assert ran.status == 3, ran.err
        name = word.split()[0]
        assert ran.err.startswith(f"refused: {name} on {DEVICE} needs advanced, you are basic")
        (decided,) = house.of_kind("decided", house.sessions()[-1])
        assert not decided["allowed"] and decided["rule"].startswith("look ("), decided


def test_who_may_is_told_about_the_terminal_and_it_is_in_the_journal(house: House) -> None:
    ran = house.run(f"on {DEVICE} shell")
    assert ran.status == 2, ran.err
    assert ran.err.startswith(f"not understood: shell on {DEVICE} without a terminal")
    (decided,) = house.of_kind("decided", house.sessions()[-1])
    assert not decided["allowed"] and "without a terminal" in decided["reason"]


def test_nothing_is_run_first_for_a_command_that_is_refused(house: House) -> None:
    before = len(house.sessions())
    ran = house.run(f"on {DEVICE} getfile /etc/hostname -auto")
    assert ran.status == 3 and "getfile" in ran.err, ran.err
    for session in house.sessions()[before:]:
        assert not house.of_kind("started", session), session
