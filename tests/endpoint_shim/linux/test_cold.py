"""Looks in other threads: none is lost, none is taken without room."""

import select
import threading

from endpoint_shim.linux.cold import MOST_WAITING, THREADS, Cold


def finished(cold: Cold, count: int, done: list[int]) -> None:
    while len(done) < count:
        assert select.select([cold.handle], [], [], 30)[0]
        cold.finish()


def test_what_is_done_is_told_in_the_thread_that_asks() -> None:
    cold, done = Cold(), list[int]()
    here = threading.get_ident()

    def look() -> bool:
        return threading.get_ident() != here

    def then(elsewhere: bool) -> None:
        assert elsewhere and threading.get_ident() == here
        done.append(1)

    for _ in range(10):
        assert cold.take(look, then)
    finished(cold, 10, done)


def test_without_room_it_is_not_taken_and_what_hangs_holds_up_no_other() -> None:
    cold, done, held = Cold(), list[int](), threading.Event()
    begun = threading.Semaphore(0)

    def hang() -> int:
        begun.release()
        held.wait()
        return 0

    for _ in range(THREADS - 1):
        assert cold.take(hang, done.append)
    assert cold.take(lambda: 7, done.append)
    finished(cold, 1, done)
    assert done == [7]
    assert cold.take(hang, done.append)
    for _ in range(THREADS):
        begun.acquire()
    for _ in range(MOST_WAITING):
        assert cold.take(lambda: 1, done.append)
    assert not cold.take(lambda: 1, done.append)
    held.set()
    finished(cold, 1 + THREADS + MOST_WAITING, done)
