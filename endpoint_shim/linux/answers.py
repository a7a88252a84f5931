"""The answers to what the kernel asks: from memory, or from what other threads find out in time.

The thread that answers waits for nothing but the next question: no file on a disk, no lock that a
slower thread holds, no program started. What takes longer is done in other threads (cold.py), and
a question that waits for them has its answer in LIMIT_S all the same.
"""

import os
import time
from collections.abc import Iterator
from functools import partial

from endpoint_shim.linux.cold import Cold
from endpoint_shim.linux.fanotify import Group, Question
from endpoint_shim.linux.reports import Reports
from endpoint_shim.linux.starters import Starters
from endpoint_shim.linux.verdicts import Judge, Key, Verdict, key_of

LIMIT_S = 1.0
MOST_KNOWN = 8192
MOST_AT_ONCE = 256


class Waiting:
    """Questions about one file whose content is being looked at."""

    def __init__(self, path: bytes, facts: os.stat_result, until: float) -> None:
        self.path = path
        self.facts = facts
        self.until = until
        self.questions: list[Question] = []


class Answers:
    """To the questions of one group."""

    def __init__(
        self, group: Group, judge: Judge, starters: Starters, cold: Cold, reports: Reports
    ) -> None:
        self._group = group
        self._judge = judge
        self._starters = starters
        self._cold = cold
        self._reports = reports
        self._known: dict[Key, Verdict] = {}
        self._waiting: dict[Key, Waiting] = {}

    def forget(self) -> None:
        """Packages have changed: everything is looked at anew."""
        self._known.clear()

    def soonest(self) -> Iterator[float]:
        """When `end_late` is due, on the monotonic clock."""
        return (one.until for one in self._waiting.values() if one.questions)

    def ask(self, question: Question) -> None:
        facts = os.fstat(question.handle)
        key = key_of(facts)
        if (verdict := self._known.get(key)) is not None:
            self._answer(question, verdict)
        elif (waiting := self._waiting.get(key)) is not None:
            waiting.questions.append(question)
        else:
            path = _path(question.handle)
            verdict = self._judge.at_once(path, facts)
            if verdict is None:
                self._look_at(key, path, facts, question)
            else:
                if verdict.may:
                    self._keep(key, verdict)
                self._answer(question, verdict)

    def _look_at(self, key: Key, path: bytes, facts: os.stat_result, question: Question) -> None:
        waiting = Waiting(path, facts, time.monotonic() + LIMIT_S)
        handle = os.dup(question.handle)
        call = partial(_by_content, self._judge, path, handle)
        if len(self._waiting) < MOST_AT_ONCE and self._cold.take(call, partial(self._done, key)):
            waiting.questions.append(question)
            self._waiting[key] = waiting
            return
        os.close(handle)
        self._answer(question, self._judge.if_too_late(path, facts))

    def _done(self, key: Key, verdict: Verdict) -> None:
        self._keep(key, verdict)
        waiting = self._waiting.pop(key)
        for question in waiting.questions:
            self._answer(question, verdict)
        if not waiting.questions and not verdict.may:
            self._reports.started(waiting.path, verdict.why)

    def end_late(self) -> None:
        now = time.monotonic()
        for waiting in self._waiting.values():
            if waiting.until <= now and waiting.questions:
                verdict = self._judge.if_too_late(waiting.path, waiting.facts)
                for question in waiting.questions:
                    self._answer(question, verdict)
                waiting.questions = []

    def _answer(self, question: Question, verdict: Verdict) -> None:
        if verdict.may:
            verdict = self._starters.may_start(question.thread, verdict)
        try:
            if not verdict.may:
                self._reports.blocked(_path(question.handle), verdict.why, question.thread)
            self._group.answer(question, verdict.may)
        finally:
            os.close(question.handle)

    def _keep(self, key: Key, verdict: Verdict) -> None:
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = verdict


def _by_content(judge: Judge, path: bytes, handle: int) -> Verdict:
    try:
        return judge.by_content(path, handle)
    except OSError as error:
        return Verdict(False, f"its content could not be read ({error.strerror})")
    finally:
        os.close(handle)


def _path(handle: int) -> bytes:
    return os.readlink(b"/proc/self/fd/%d" % handle)
