"""App Control's own tools: CiTool where Windows has it (11 22H2, Server 2025), else PowerShell.

1. With CiTool a device has many policies, and all of them have to allow a program: ours only ever
   takes away from what others allow. Without it there is one, and another's is not replaced.
2. What is taken away holds until the next start: first one that allows everything replaces it.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from commands.language.errors import Failed, Refused
from endpoint_shim import durable
from endpoint_shim.windows import tools
from endpoint_shim.windows.control_policy import ONLY_ONE, OURS

assert sys.platform == "win32"

SCRIPT = Path(__file__).with_name("app_control.ps1")
POWERSHELL = "WindowsPowerShell/v1.0/powershell.exe"
PLAIN = ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File")
CONVERT_S, TOOL_S = 120.0, 60.0
ENFORCED = "2"
"""Of Win32_DeviceGuard's UsermodeCodeIntegrityPolicyEnforcementStatus."""


class AppControl:
    """One device's; `system32` is where its tools and its policies lie, `folder` is the shim's."""

    def __init__(self, system32: Path, folder: Path) -> None:
        self._system32 = system32
        self._put = folder / "put"
        """The digests of what was ever put there, each durable before it was."""
        self._tool = system32 / "CiTool.exe"
        self.many = self._tool.is_file()
        self.name = OURS if self.many else ONLY_ONE
        folder = system32 / "CodeIntegrity"
        self.place = folder / (f"CiPolicies/Active/{OURS}.cip" if self.many else "SiPolicy.p7b")

    def convert(self, source: Path, target: Path) -> None:
        """XML to what the kernel reads."""
        target.unlink(missing_ok=True)
        self._script(CONVERT_S, "-Work", "convert", "-From", str(source), "-To", str(target))
        if not target.is_file():
            raise Failed("ConvertFrom-CIPolicy made no policy")

    def refuse_anothers(self) -> None:
        """Raises Refused where Windows knows one policy alone, and that is somebody else's."""
        if not self.many and self.place.exists() and digest(self.place) not in self._ours():
            raise Refused(
                "this device has an App Control policy of its own (SiPolicy.p7b), and its Windows "
                "knows only one; it was not replaced"
            )

    def put(self, policy: Path) -> None:
        """In force when it returns."""
        if self.many:
            self._told("--update-policy", str(policy))
            return
        data = policy.read_bytes()
        durable.save(self._put, "\n".join({*self._ours(), digest(policy)}).encode())
        durable.save(self.place, data)
        self._script(TOOL_S, "-Work", "refresh", "-From", str(self.place))

    def take(self, inactive: Path) -> None:
        """Nothing of ours holds anything back, or lies there."""
        self.put(inactive)
        if self.many:
            self._told("--remove-policy", self.name)
        else:
            self.place.unlink(missing_ok=True)
            self._put.unlink(missing_ok=True)

    def is_enforced(self) -> bool:
        """As the system itself says."""
        if not self.many:
            return self._script(TOOL_S, "-Work", "status").strip() == ENFORCED
        wanted = self.name.strip("{}").lower()
        for one in self._told("--list-policies").get("Policies") or []:
            if str(one.get("PolicyID")).strip("{}").lower() == wanted:
                return str(one.get("IsEnforced")).lower() == "true"
        return False

    def _ours(self) -> set[str]:
        return set(self._put.read_text().split()) if self._put.exists() else set()

    def _told(self, *words: str) -> dict[str, Any]:
        said = tools.text(tools.ran(self._tool, [*words, "-json"], TOOL_S))
        try:
            found = json.loads(said[said.index("{") :])
        except ValueError as error:
            raise Failed(f"CiTool.exe {words[0]} said no JSON: {said[:200]!r}") from error
        if result := found.get("OperationResult"):
            raise Failed(f"CiTool.exe {words[0]} was refused: {result}")
        return dict(found)

    def _script(self, seconds: float, *words: str) -> str:
        program = self._system32 / POWERSHELL
        return tools.text(tools.ran(program, [*PLAIN, str(SCRIPT), *words], seconds))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
