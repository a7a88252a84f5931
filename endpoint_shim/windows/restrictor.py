"""The restriction of a Windows device: an App Control policy, made of Windows' own samples.

The kernel enforces it by itself, with the shim or without. The policy's text and what the kernel
reads of it lie in the state folder; which policies are in force, `CiTool.exe -lp` shows to anybody.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from commands.language.errors import Failed
from commands.language.wire_contain import Seen
from endpoint_shim import durable, private
from endpoint_shim.restrictor import Known, Proof
from endpoint_shim.windows import control_policy, own_programs, tools
from endpoint_shim.windows.app_control import AppControl, digest
from endpoint_shim.windows.blocked import Blocked
from endpoint_shim.windows.versions import build, need

assert sys.platform == "win32"

LEAST, WITH_PATHS = 16299, 18362
SAMPLES = "schemas/CodeIntegrity/ExamplePolicies"
FOLDER = "app-control"
ASK_S = 60.0
STORE = "apps of Microsoft's store may start, whoever made them: the store's own key signs them"
SCRIPTS = "PowerShell runs scripts that Microsoft did not sign in its constrained language"
NO_PATHS = "what responders bring does not start: this Windows knows no rules for folders (1903)"


class WindowsRestrictor:
    """endpoint_shim/restrictor.py's Restrictor; `state` is the shim's own folder."""

    def __init__(
        self, state: Path, system32: Path | None = None, here: Callable[[], int] = build
    ) -> None:
        self._folder = state / FOLDER
        self._system32 = system32 or tools.system32()
        self._here = here
        self._control = AppControl(self._system32, self._folder)
        self._blocked = Blocked(self._system32 / "wevtutil.exe", self._control.name)
        self._asked_at = float("-inf")
        self._was = False

    def start(self, known: Known) -> Proof:
        here = self._here()
        need(LEAST, "the restriction of programs", here)
        private.keep_folder(self._folder)
        self._control.refuse_anothers()
        by_path = here >= WITH_PATHS
        own = own_programs.found(known.own, by_path=by_path)
        self._inactive()
        sample = self._sample("AllowMicrosoft")
        text = control_policy.restricting(sample, own, self._control.name)
        restrict = self._made("restrict", text)
        self._blocked.begin()
        self._put(restrict)
        notes = (STORE, SCRIPTS) if by_path else (STORE, SCRIPTS, NO_PATHS)
        by = f"App Control, which knows {len(own.digests):,} programs of the shim's"
        return Proof(by, digest(self._control.place), notes)

    def stop(self) -> None:
        self._blocked.end()
        self._was = False
        if not self._control.place.exists():
            return
        inactive = self._folder / "inactive.bin"
        if self._control.many and not inactive.exists():
            # The policy's name is ours alone, whatever became of the state folder.
            private.keep_folder(self._folder)
            inactive = self._inactive()
        if not inactive.exists():
            return
        self._control.refuse_anothers()
        self._control.take(inactive)
        for name in ("restrict", "inactive"):
            for ending in (".bin", ".xml"):
                (self._folder / f"{name}{ending}").unlink(missing_ok=True)

    def leave(self) -> None:
        """The kernel enforces it with the shim or without."""
        self._blocked.end()

    def alive(self) -> bool:
        """The policy's own file each time; the system's word for it once a minute."""
        try:
            same = digest(self._control.place) == digest(self._folder / "restrict.bin")
        except OSError:
            same = False
        now = time.monotonic()
        if same and now - self._asked_at >= ASK_S:
            self._asked_at = now
            self._was = self._control.is_enforced()
        return same and self._was

    def seen(self) -> Sequence[Seen]:
        return self._blocked.seen()

    def _put(self, restrict: Path) -> None:
        """In force, and found so; else it is taken away again."""
        try:
            self._control.put(restrict)
            if not self._control.is_enforced():
                raise Failed("the App Control policy was taken, and Windows does not enforce it")
            if digest(self._control.place) != digest(restrict):
                raise Failed(f"{self._control.place} is not the policy that was given")
        except (Failed, OSError):
            self.stop()
            raise
        self._asked_at, self._was = time.monotonic(), True

    def _inactive(self) -> Path:
        text = control_policy.inactive(self._sample("AllowAll"), self._control.name)
        return self._made("inactive", text)

    def _made(self, name: str, text: bytes) -> Path:
        source, target = (self._folder / f"{name}{ending}" for ending in (".xml", ".new.bin"))
        durable.save(source, text)
        self._control.convert(source, target)
        made = self._folder / f"{name}.bin"
        target.replace(made)
        return made

    def _sample(self, name: str) -> bytes:
        path = self._system32.parent / SAMPLES / f"{name}.xml"
        try:
            return path.read_bytes()
        except OSError as error:
            raise Failed(f"this Windows carries no {path}: {error.strerror}") from error
