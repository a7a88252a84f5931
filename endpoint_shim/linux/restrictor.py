"""The restriction of a Linux device: by fapolicyd where that runs already, else by fanotify."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from commands.language.errors import Failed
from commands.language.wire_contain import Seen
from endpoint_shim.linux import fapolicyd
from endpoint_shim.linux.enforced import FanotifyRestrictor
from endpoint_shim.linux.fapolicyd import FapolicydRestrictor
from endpoint_shim.restrictor import Known, Proof


class LinuxRestrictor:
    """The protocol's Restrictor; `state` is the guard's own folder.

    Of `mounts`, where given, only those are held: tests have their own.
    """

    def __init__(self, state: Path, mounts: Sequence[Path] | None = None) -> None:
        self._fanotify = FanotifyRestrictor(state, mounts)
        self._fapolicyd = FapolicydRestrictor(state)
        self._by: FanotifyRestrictor | FapolicydRestrictor = self._fanotify

    def start(self, known: Known) -> Proof:
        if not fapolicyd.is_installed():
            return self._started(self._fanotify, known)
        why_not = fapolicyd.why_not()
        if why_not is None:
            try:
                return self._started(self._fapolicyd, known)
            except Failed as error:
                why_not = str(error)
        proof = self._started(self._fanotify, known)
        return replace(proof, notes=(f"fapolicyd is not used: {why_not}", *proof.notes))

    def stop(self) -> None:
        self._fanotify.stop()
        self._fapolicyd.stop()

    def leave(self) -> None:
        self._fanotify.leave()

    def alive(self) -> bool:
        return self._by.alive()

    def seen(self) -> Sequence[Seen]:
        return self._by.seen()

    def _started(self, by: FanotifyRestrictor | FapolicydRestrictor, known: Known) -> Proof:
        proof = by.start(known)
        if by is not self._by:
            self._by.stop()
            self._by = by
        return proof
