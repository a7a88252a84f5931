"""Whose turn it is: what a flood may take beside a key, and what is nobody's business."""

import pytest

from server.live import share
from server.live.share import FILES, LONGEST_S, OWN, SHOWN, TYPED_OWN, TYPING_S, Keys, Share

TURN_S = 0.0004


class Loop:
    """A loop with a clock of its own: streams take turns, and wait as long as they are told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.keys = Keys()

    def run(self, *streams: Share, seconds: float, typed: Share | None = None) -> list[float]:
        """What each stream that never runs dry takes of so long, a key of `typed` each 0.1 s."""
        end, key, taken = self.now + seconds, self.now, [0.0] * len(streams)
        next_turn = [self.now] * len(streams)
        while self.now < end:
            if typed is not None and key <= self.now:
                typed.typed()
                key = self.now + 0.1
            which = min(range(len(streams)), key=lambda number: next_turn[number])
            self.now = max(self.now, min(next_turn[which], key if typed is not None else end))
            if next_turn[which] <= self.now:
                self.now += TURN_S
                taken[which] += TURN_S
                next_turn[which] = self.now + streams[which].took(TURN_S)
        return [each / seconds for each in taken]

    def stream(self, who: str, of_files: bool = False) -> Share:
        made = Share(self.keys, who)
        made.of_files = of_files
        return made


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(share, "monotonic", lambda: loop.now)
    return loop


def test_nobody_types_and_a_flood_has_all_of_the_loop(loop: Loop) -> None:
    assert loop.run(loop.stream("flood"), seconds=2) == [pytest.approx(1, rel=0.01)]


def test_beside_a_typist_a_flooding_terminal_has_its_own_and_its_share(loop: Loop) -> None:
    (taken,) = loop.run(loop.stream("flood"), seconds=5, typed=loop.stream("typist"))
    assert SHOWN <= taken <= SHOWN + OWN + 0.01


def test_all_that_flood_share_one_share_evenly(loop: Loop) -> None:
    floods = [loop.stream(f"flood{number}") for number in range(4)]
    taken = loop.run(*floods, seconds=10, typed=loop.stream("typist"))
    assert sum(taken) <= SHOWN + 4 * OWN + 0.01
    assert max(taken) < 1.3 * min(taken)


def test_transfers_have_more_than_terminals_and_are_counted_apart(loop: Loop) -> None:
    terminal, transfer = loop.stream("flood"), loop.stream("getfile", of_files=True)
    shown, moved = loop.run(terminal, transfer, seconds=5, typed=loop.stream("typist"))
    assert SHOWN <= shown <= SHOWN + OWN + 0.01
    assert FILES <= moved <= FILES + OWN + 0.01


def test_the_typists_own_flood_stands_back_for_nobody(loop: Loop) -> None:
    typist = loop.stream("typist")
    assert loop.run(typist, seconds=2, typed=typist) == [pytest.approx(1, rel=0.01)]


def test_of_two_typists_the_one_who_floods_stands_back(loop: Loop) -> None:
    quiet, loud = loop.stream("quiet"), loop.stream("loud")
    quiet.typed()
    (taken,) = loop.run(loud, seconds=0.9, typed=loud)
    assert taken <= TYPED_OWN + SHOWN + 0.02
    assert quiet.took(0.001) == 0, "an echo waits for no flood's share"


def test_keys_at_the_prompt_count_as_well(loop: Loop) -> None:
    loop.keys.typed("")
    (taken,) = loop.run(loop.stream("flood"), seconds=0.9)
    assert taken <= SHOWN + OWN + 0.02


def test_a_second_after_the_last_key_nothing_is_held_back(loop: Loop) -> None:
    flood = loop.stream("flood")
    loop.keys.typed("typist")
    assert flood.took(0.1) > 0
    loop.now += TYPING_S
    assert flood.took(0.1) == 0


def test_one_long_turn_is_not_paid_for_by_a_stall(loop: Loop) -> None:
    loop.keys.typed("typist")
    assert loop.stream("flood").took(60) == LONGEST_S
