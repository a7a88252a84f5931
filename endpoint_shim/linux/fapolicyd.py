"""The restriction by fapolicyd, where an administrator runs it already: rules of ours before his.

1. Only one that enforces, and whose trust database knows this system's own shell: with another
   everything would stop (Debian's first versions know no package).
2. His rules and trust files are never touched. Ours are one file, which goes with the restriction.
3. In force is what refuses to start a program that nobody trusts: tried, not believed.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from commands.language.errors import Failed
from commands.language.wire_contain import Seen
from endpoint_shim import durable
from endpoint_shim.linux import probe, tools
from endpoint_shim.restrictor import Known, Proof

CLI, GENERATE, DAEMON = "/usr/sbin/fapolicyd-cli", "/usr/sbin/fagenrules", "/usr/sbin/fapolicyd"
SYSTEMCTL = "/usr/bin/systemctl"
PID = Path("/run/fapolicyd.pid")
RULES = Path("/etc/fapolicyd/rules.d/00-fireline.rules")
SETTINGS = Path("/etc/fapolicyd/fapolicyd.conf")
SHELL = "/bin/sh"
RUN_S, IN_FORCE_S = 30.0, 15.0
TOLD = "what fapolicyd holds back is told in this device's own system log and audit trail"


def is_installed() -> bool:
    """Whether its programs are here."""
    return all(os.access(program, os.X_OK) for program in (CLI, GENERATE, DAEMON))


def why_not() -> str | None:
    """Why an installed one cannot be used; None where it can."""
    if _daemon() is None:
        return "it does not run"
    if _is_permissive():
        return f"it is permissive ({SETTINGS})"
    shell = os.path.realpath(SHELL)
    if not any(shell in line.split() for line in tools.ran(CLI, ["--dump-db"], RUN_S).splitlines()):
        return f"its trust database does not know {shell}"
    return None


class FapolicydRestrictor:
    """The protocol's Restrictor; `state` is the guard's own folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._rules = b""

    def start(self, known: Known) -> Proof:
        self._rules = rules(known)
        durable.save(RULES, self._rules)
        try:
            _load()
            if not probe.is_refused(self._state, IN_FORCE_S):
                raise Failed(
                    "fapolicyd took the rules, but lets a program start that nobody trusts"
                )
        except (Failed, OSError):
            self.stop()
            raise
        return Proof("fapolicyd", hashlib.sha256(self._rules).hexdigest(), (TOLD,))

    def stop(self) -> None:
        if not RULES.exists():
            return
        RULES.unlink()
        _load()

    def alive(self) -> bool:
        if _daemon() is None or _is_permissive():
            return False
        with contextlib.suppress(FileNotFoundError):
            return RULES.read_bytes() == self._rules
        return False

    def seen(self) -> Sequence[Seen]:
        return ()


def rules(known: Known) -> bytes:
    """First match wins: ours may start and be started; what nobody trusts may do neither."""
    lines = []
    for path in dict.fromkeys([*known.own, Path(os.path.realpath(sys.executable))]):
        if any(blank in str(path) for blank in " \t\n"):
            raise Failed(f"fapolicyd takes no path with blanks in it: {path}")
        name = f"dir={path}/" if path.is_dir() else f"path={path}"
        subject = f"dir={path}/" if path.is_dir() else f"exe={path}"
        lines += [f"allow perm=any all : {name}", f"allow perm=execute {subject} : trust=1"]
    lines += ["deny_syslog perm=execute trust=0 : all", "deny_syslog perm=execute all : trust=0"]
    return "".join(f"{line}\n" for line in lines).encode()


def _load() -> None:
    """The daemon takes the rules at once (from 1.2 on), or as it starts anew."""
    tools.ran(GENERATE, [], RUN_S)
    try:
        tools.ran(CLI, ["--reload-rules"], RUN_S)
    except Failed:
        tools.ran(SYSTEMCTL, ["restart", "fapolicyd.service"], RUN_S)


def _daemon() -> int | None:
    try:
        pid = int(PID.read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text().strip() == "fapolicyd" else None
    except (OSError, ValueError):
        return None


def _is_permissive() -> bool:
    with contextlib.suppress(OSError):
        for line in SETTINGS.read_text(errors="replace").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "permissive":
                return value.strip() != "0"
    return False
