"""The answers to what the kernel asks: from memory, or from what other threads find out in time.

The thread that answers waits for nothing but the next question: no file on a disk, no lock that a
slower thread holds, no program started. What takes longer is done in other threads (cold.py), and
a question that waits for them has its answer in LIMIT_S all the same.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial

from endpoint_shim.linux.cold import Cold
from endpoint_shim.linux.fanotify import Group, Question, path_of
from endpoint_shim.linux.reports import Reports
from endpoint_shim.linux.scripts import UNSEEN, Scripts
from endpoint_shim.linux.starters import Starters
from endpoint_shim.linux.verdicts import Judge, Key, Verdict, key_of

LIMIT_S = 1.0
MOST_KNOWN = 8192
MOST_AT_ONCE = 256


class Waiting:
    """Questions that wait for the same look at something."""

    def __init__(self, question: Question, late: Callable[[], Verdict]) -> None:
        self.questions = [question]
        self.late = late
        self.let_go = False
        """Some of them were let start, for it took too long."""
        self.until = time.monotonic() + LIMIT_S


class Answers:
    """To the questions of one group."""

    def __init__(
        self,
        group: Group,
        judge: Judge,
        starters: Starters,
        scripts: Scripts,
        cold: Cold,
        quick: Cold,
        reports: Reports,
    ) -> None:
        self._group = group
        self._judge = judge
        self._starters = starters
        self._scripts = scripts
        self._cold = cold
        self._quick = quick
        self._reports = reports
        self._known: dict[Key, Verdict] = {}
        self._waiting: dict[object, Waiting] = {}

    def forget(self) -> None:
        """Packages have changed: everything is looked at anew."""
        self._known.clear()

    def soonest(self) -> Iterator[float]:
        """When `end_late` is due, on the monotonic clock."""
        return (one.until for one in self._waiting.values() if one.questions)

    def ask(self, question: Question) -> None:
        """Answers now, or when what has to be looked at is."""
        facts = os.fstat(question.handle)
        key = key_of(facts)
        verdict = self._known.get(key)
        if verdict is not None and (verdict.may or not self._judge.packages.stale()):
            self._file_is(question, verdict)
        elif (waiting := self._waiting.get(key)) is not None and waiting.questions:
            waiting.questions.append(question)
        else:
            path = path_of(question)
            verdict = self._judge.at_once(path, facts)
            if verdict is None:
                self._look_at(key, path, facts, question)
            else:
                if verdict.may:
                    self._keep(key, verdict)
                self._file_is(question, verdict)

    def end_late(self) -> None:
        """Answers what has waited long enough."""
        now = time.monotonic()
        for waiting in list(self._waiting.values()):
            if waiting.until <= now and waiting.questions:
                verdict = waiting.late()
                waiting.let_go = verdict.may
                questions, waiting.questions = waiting.questions, []
                for question in questions:
                    self._answer(question, self._asked_for(question, verdict))

    def _look_at(self, key: Key, path: bytes, facts: os.stat_result, question: Question) -> None:
        def done(verdict: Verdict) -> None:
            self._keep(key, verdict)
            waiting = self._waiting.pop(key)
            for one in waiting.questions:
                self._file_is(one, verdict)
            if waiting.let_go and not verdict.may:
                self._reports.started(path, verdict.why)

        handle = os.dup(question.handle)
        late = partial(self._judge.if_too_late, path, facts)
        look = partial(_by_content, self._judge, path, handle)
        if not self._wait(self._cold, key, question, look, done, late):
            os.close(handle)
            self._answer(question, self._asked_for(question, late()))

    def _file_is(self, question: Question, verdict: Verdict) -> None:
        """What asks, and what an interpreter is given, counts too."""
        verdict = self._asked_for(question, verdict)
        if not (verdict.may and verdict.interprets):
            self._answer(question, verdict)
            return

        key = object()

        def done(found: Verdict) -> None:
            waiting = self._waiting.pop(key)
            for one in waiting.questions:
                self._answer(one, found)
            if waiting.let_go and not found.may:
                self._reports.started(path, found.why)

        path = path_of(question)
        facts = os.fstat(question.handle)
        interpreter = facts.st_dev, facts.st_ino
        look = partial(self._scripts.judge, question.thread, interpreter, verdict)
        unread = verdict._replace(why=UNSEEN)
        if not self._wait(self._quick, key, question, look, done, lambda: unread):
            self._answer(question, unread)

    def _wait(
        self,
        threads: Cold,
        key: object,
        question: Question,
        look: Callable[[], Verdict],
        done: Callable[[Verdict], None],
        late: Callable[[], Verdict],
    ) -> bool:
        if len(self._waiting) >= MOST_AT_ONCE or key in self._waiting:
            return False
        if not threads.take(look, done):
            return False
        self._waiting[key] = Waiting(question, late)
        return True

    def _asked_for(self, question: Question, verdict: Verdict) -> Verdict:
        return self._starters.may_start(question.thread, verdict) if verdict.may else verdict

    def _answer(self, question: Question, verdict: Verdict) -> None:
        try:
            if not verdict.may:
                self._starters.denied(question.thread)
                self._reports.blocked(path_of(question), verdict.why, question.thread)
            elif verdict.why:
                self._reports.started(path_of(question), verdict.why)
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
