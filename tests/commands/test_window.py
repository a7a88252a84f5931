"""What a broken stream still owes: nothing is lost, nothing comes twice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language.window import Got, Sent
from commands.language.wire import ACK_BYTES


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300_000), st.booleans(), st.booleans()), max_size=60))
def test_after_any_breaks_the_receiver_has_every_frame_once(
    steps: list[tuple[int, bool, bool]],
) -> None:
    sent, got, received = Sent(), Got(), list[bytes]()
    for number, (size, arrives, breaks) in enumerate(steps):
        sent.add(True, b"%d." % number + bytes(size))
        if arrives:
            for kept in (sent.after(got.count) or [])[:1]:
                received.append(kept.data.split(b".")[0])
                got.add(len(kept.data))
        if breaks:
            assert sent.acknowledge(got.said())
    for kept in sent.after(got.count) or []:
        received.append(kept.data.split(b".")[0])
    assert received == [b"%d" % n for n in range(len(steps))]


def test_a_number_that_cannot_be_right_is_told() -> None:
    sent = Sent()
    sent.add(True, b"x")
    assert sent.acknowledge(1) and not sent.acknowledge(2) and not sent.acknowledge(0)
    assert sent.after(0) is None and sent.after(1) == []


def test_full_until_acknowledged() -> None:
    sent = Sent(limit=10)
    sent.add(True, b"x" * 10)
    assert sent.full
    sent.acknowledge(1)
    assert not sent.full


def test_it_is_time_to_acknowledge_after_so_many_bytes() -> None:
    got = Got()
    assert not got.add(ACK_BYTES - 1) and got.add(1) and got.unsaid
    assert got.said() == 2 and not got.unsaid
