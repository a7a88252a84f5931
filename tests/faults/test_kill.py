"""kill -9 of broker, supervisor, worker and ssh client, at random moments of what changes things.

1. A round does one thing through the stock ssh, kills one process at a random moment, starts again
   what was killed, and then asks of everything that was ever acknowledged whether it is there.
2. The seed is printed and can be given (FIRELINE_SEED), so that a failure can be made again.
3. The rig is trusted because the builds in `broken/`, broken on purpose, fail it.
"""

import os
import random
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.faults.killing import THINGS, VICTIMS, Round, Rounds, size
from tests.journeys.rig import SERVER, SHIM, House
from tests.soaking import within

pytestmark = [pytest.mark.needs("ssh", "ssh-keygen"), pytest.mark.timeout(180), pytest.mark.slow]

ROUNDS, PARTS, SOAK_ROUNDS = 25, 2, 1000
SIZE = 24 << 20
BROKEN = Path(__file__).parent / "broken"


@pytest.fixture
def make_rounds(tmp_path: Path) -> Iterator[Callable[..., Rounds]]:
    houses: list[House] = []

    def make(server: "tuple[str, ...]" = SERVER, shim: "tuple[str, ...]" = SHIM) -> Rounds:
        house = House(tmp_path / "house", {"left_open_s": 0.2, "reserve_bytes": 1 << 20})
        house.program, house.shim_program = server, shim
        houses.append(house.__enter__())
        work = tmp_path / "work"
        work.mkdir()
        return Rounds(house, work, random.Random(3).randbytes(SIZE))

    yield make
    for house in houses:
        house.__exit__()


def plan(seed: int, rounds: int) -> Iterator[Round]:
    """Every victim in everything once, then by chance; moments over what each takes."""
    chance = random.Random(seed)
    pairs = list(product(THINGS, VICTIMS))
    pairs += [chance.choice(pairs) for _ in range(rounds - len(pairs))]
    chance.shuffle(pairs)
    for number, (what, victim) in enumerate(pairs):
        moment = chance.uniform(-0.2, 1.0)
        yield Round(number, what, victim, f"r{number:02}-{what}-{victim}", moment)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_any_moment_loses_nothing_acknowledged(
    make_rounds: Callable[..., Rounds], part: int
) -> None:
    kill(make_rounds(), ROUNDS)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_a_thousand_kills_lose_nothing_acknowledged(make_rounds: Callable[..., Rounds]) -> None:
    kill(make_rounds(), SOAK_ROUNDS)


def kill(rounds: Rounds, count: int) -> None:
    """So many rounds, each checked."""
    seed = int(os.environ.get("FIRELINE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"FIRELINE_SEED={seed}")
    rounds.prepare()
    rounds.measure()
    struck = done = 0
    for one in within(plan(seed, count)):
        rounds.play(one)
        print(one)
        rounds.check(one)
        if one.what == "shell":
            rounds.shown_is_recorded(one)
        struck += one.struck
        done += 1
    rounds.digests.clear()
    rounds.is_there("at the end")
    rounds.verify({"broker", *rounds.house.sessions()}, "at the end")
    assert struck >= done // 2, f"only {struck} kills came while something ran"


def test_a_broker_that_answers_before_it_is_durable_is_caught(
    make_rounds: Callable[..., Rounds],
) -> None:
    rounds = make_rounds(server=(str(BROKEN / "answers_early.py"),))
    rounds.prepare()
    one = Round(0, "getfile", "nobody", "taken", 0)
    rounds.play(one)
    rounds.house.kill_broker()
    rounds.house.program = SERVER
    rounds.house.start_broker()
    assert one.status == 0, str(one)
    with pytest.raises(AssertionError, match="was acknowledged and is lost"):
        rounds.check(one)


@pytest.mark.alone  # it has to be killed in the middle of a write
def test_a_shim_that_writes_into_the_target_is_caught(make_rounds: Callable[..., Rounds]) -> None:
    rounds = make_rounds(shim=(str(BROKEN / "writes_in_place.py"),))
    rounds.prepare()
    target = rounds.work / "half"
    one = Round(0, "putfile", "worker", "half", 0, seen=lambda: size(target) > 0)
    rounds.play(one)
    assert one.struck, str(one)
    with pytest.raises(AssertionError, match="half a file at its target"):
        rounds.check(one)
