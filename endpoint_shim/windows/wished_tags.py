"""Where a Windows device's owner writes the tags that he would like it to have."""

import winreg
from pathlib import Path

KEY, VALUE = r"SOFTWARE\Fireline", "Tags"
"""Below HKEY_LOCAL_MACHINE: several strings, or one with the tags by commas."""


def words(_: Path) -> list[str]:
    """What stands there; nothing where it cannot be read."""
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, KEY) as key:
            value, kind = winreg.QueryValueEx(key, VALUE)
    except OSError:
        return []
    if kind == winreg.REG_SZ:
        value = value.split(",")
    return [str(word).strip() for word in value] if isinstance(value, list) else []
