"""What is answered where there is no room to look."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from endpoint_shim.linux.answers import CROWDED, Answers
from endpoint_shim.linux.cold import Cold
from endpoint_shim.linux.fanotify import Group, Question
from endpoint_shim.linux.reports import Reports
from endpoint_shim.linux.scripts import Scripts
from endpoint_shim.linux.starters import Starters
from endpoint_shim.linux.verdicts import Judge, Verdict


class Double:
    """In the place of the kernel's group, of whoever judges, and of threads that have no room."""

    def __init__(self) -> None:
        self.answers: list[bool] = []

    def answer(self, _: Question, may: bool) -> None:
        self.answers.append(may)

    def at_once(self, path: bytes, _: os.stat_result) -> Verdict:
        return Verdict(True, interprets=path)

    def may_start(self, _: int, verdict: Verdict) -> Verdict:
        return verdict

    def denied(self, _: int) -> None:
        """Nobody comes for it."""

    def judge(self, *_: object) -> Verdict:
        raise AssertionError("there was no room for it")

    def take(self, *_: Callable[[], object]) -> bool:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="a process of another user takes root")
def test_in_a_crowd_only_roots_interpreters_are_let_start(tmp_path: Path) -> None:
    double, reports = Double(), Reports()
    answers = Answers(
        cast(Group, double), cast(Judge, double), cast(Starters, double), cast(Scripts, double),
        cast(Cold, double), cast(Cold, double), reports,
    )  # fmt: skip
    (tmp_path / "bash").touch()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=65534) as other:
        for thread in (os.getpid(), other.pid):
            answers.ask(Question(os.open(tmp_path / "bash", os.O_RDONLY), thread))
        assert other.stdin is not None
        other.stdin.close()
    assert double.answers == [True, False]
    assert {(one.started, CROWDED in one.text) for one in reports._kept.values()} == {
        (True, True),
        (False, True),
    }
