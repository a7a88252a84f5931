"""The pipe's frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language import wire
from endpoint_shim.pipe import LONGEST, Broken, Deframer, Placed, frame, to_worker


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 7))
def test_messages_come_out_as_they_went_in_however_the_bytes_are_cut(
    messages: list[bytes], step: int
) -> None:
    data = b"".join(len(one).to_bytes(4, "big") + one for one in messages)
    deframer = Deframer()
    out: list[bytes] = []
    for at in range(0, len(data), step):
        out += deframer.feed(data[at : at + step])
    assert out == messages


def test_a_message_that_is_too_long_breaks_the_pipe() -> None:
    with pytest.raises(Broken):
        Deframer().feed((LONGEST + 1).to_bytes(4, "big"))


def test_every_message_down_is_decoded_by_its_tag() -> None:
    placed = Placed(state="/s", session_folder="/f", group="", device="web-01")
    opening = wire.Open(session="S1", stream="S1.w1", token="t" * 20)
    for message in (placed, opening, wire.Cancel(stream="S1.w1", number=3)):
        assert to_worker.decode(frame(message)[4:]) == message
