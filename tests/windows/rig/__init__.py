"""The Windows rig of the tests: `rig()` gives a real CPython for Windows in Wine, or RigMissing."""

from .build import RigMissing
from .running import Rig, WindowsProcess, rig

__all__ = ["Rig", "RigMissing", "WindowsProcess", "rig"]
