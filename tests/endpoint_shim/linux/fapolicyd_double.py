"""A double of fapolicyd, fapolicyd-cli and fagenrules, by the name it is called by.

It takes the rules that ours are made of (first match wins; `trust`, `dir=`, `path=`, `exe=`) and
really enforces them, by a fanotify group of its own. What the real ones do beside that it has not.
"""

import os
import signal
import sys
from pathlib import Path

from endpoint_shim.linux.dpkg import Dpkg
from endpoint_shim.linux.fanotify import Group, Question

RULES, FOLDER = Path("/etc/fapolicyd/compiled.rules"), Path("/etc/fapolicyd/rules.d")
PID = Path("/run/fapolicyd.pid")
PROGRAMS = ("/usr/sbin/fapolicyd", "/usr/sbin/fapolicyd-cli", "/usr/sbin/fagenrules")
MOUNTS = (b"/", b"/place")


def generate() -> None:
    """fagenrules"""
    RULES.write_text("".join(path.read_text() for path in sorted(FOLDER.glob("*.rules"))))


def cli(word: str) -> None:
    """fapolicyd-cli --dump-db, --reload-rules"""
    if word == "--reload-rules":
        os.kill(int(PID.read_text()), signal.SIGHUP)
    elif word == "--dump-db" and not Path("/etc/fapolicyd/knows-nothing").exists():
        print("rpmdb", os.path.realpath("/bin/sh"), 1, "0" * 64)


class Daemon:
    """fapolicyd"""

    def __init__(self) -> None:
        self._trusted = Dpkg()
        self._group = Group()
        self._read()
        signal.signal(signal.SIGHUP, lambda *_: self._read())
        for point in MOUNTS:
            self._group.mark_file_system(point)
        Path("/proc/self/comm").write_text("fapolicyd")
        PID.write_text(str(os.getpid()))

    def run(self) -> None:
        os.set_blocking(self._group.handle, True)
        while True:
            for question in self._group.questions():
                self._group.answer(question, self._may(question))
                os.close(question.handle)

    def _read(self) -> None:
        self._rules = [line.split() for line in RULES.read_text().splitlines()]

    def _may(self, question: Question) -> bool:
        subject = os.readlink(f"/proc/{question.thread}/exe")
        asked = os.readlink(f"/proc/self/fd/{question.handle}")
        for decision, _, *words in self._rules:
            at = words.index(":")
            if self._is(words[:at], subject) and self._is(words[at + 1 :], asked):
                return decision == "allow"
        return True

    def _is(self, words: list[str], path: str) -> bool:
        known = path in PROGRAMS or self._trusted.entry(os.fsencode(path)) is not None
        trusted = str(int(known))
        for word in words:
            name, _, value = word.partition("=")
            if not {
                "all": True,
                "trust": value == trusted,
                "dir": path.startswith(value),
                "path": path == value,
                "exe": path == value,
            }[name]:
                return False
        return True


if __name__ == "__main__":
    match Path(sys.argv[0]).name:
        case "fagenrules":
            generate()
        case "fapolicyd-cli":
            cli(sys.argv[1])
        case "fapolicyd":
            Daemon().run()
