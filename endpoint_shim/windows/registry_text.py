"""Registry keys as text, in the form of `reg query /s`, which needs no program of the device.

A value that cannot be read is told in its line and does not stop the others. Below a key at most
MOST_KEYS are gone into, DEEPEST deep.
"""

import sys
import winreg
from collections.abc import Iterator, Sequence

from endpoint_shim.collecting.side import Missed
from endpoint_shim.windows.paths import NotThere

assert sys.platform == "win32"

ROOTS = {
    "HKLM": ("HKEY_LOCAL_MACHINE", winreg.HKEY_LOCAL_MACHINE),
    "HKU": ("HKEY_USERS", winreg.HKEY_USERS),
    "HKCR": ("HKEY_CLASSES_ROOT", winreg.HKEY_CLASSES_ROOT),
}
TYPES = {
    0: "REG_NONE", 1: "REG_SZ", 2: "REG_EXPAND_SZ", 3: "REG_BINARY", 4: "REG_DWORD",
    5: "REG_DWORD_BIG_ENDIAN", 6: "REG_LINK", 7: "REG_MULTI_SZ", 8: "REG_RESOURCE_LIST",
    9: "REG_FULL_RESOURCE_DESCRIPTOR", 10: "REG_RESOURCE_REQUIREMENTS_LIST", 11: "REG_QWORD",
}  # fmt: skip
READ = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
DEEPEST, MOST_KEYS = 8, 2000
DENIED = 5
USER = "{user}"


def meant(pattern: str) -> Sequence[str]:
    """The keys of a recipe's key: `{user}` is every user whose hive is loaded."""
    if USER not in pattern:
        return [pattern]
    return [pattern.replace(USER, sid) for sid in users()]


def users() -> list[str]:
    """Names of the loaded hives, without those of their classes."""
    with winreg.OpenKey(winreg.HKEY_USERS, "", 0, READ) as key:
        return [name for name in _subkeys(key) if not name.endswith("_Classes")]


def opened(path: str) -> "winreg.HKEYType":
    """A key by its path; NotThere, or OSError, where it cannot be."""
    root, _, below = path.partition("\\")
    if root.upper() not in ROOTS:
        raise Missed("failed", f"{path} begins with none of {', '.join(ROOTS)}")
    try:
        return winreg.OpenKey(ROOTS[root.upper()][1], below, 0, READ)
    except FileNotFoundError:
        raise NotThere(f"{path} does not exist") from None
    except PermissionError:
        raise Missed("refused", f"{path}: the system says access is denied", str(DENIED)) from None


def told(path: str) -> Iterator[str]:
    """The lines of a key and of all below it."""
    root, _, below = path.partition("\\")
    with opened(path) as key:
        left = MOST_KEYS
        whole = f"{ROOTS[root.upper()][0]}\\{below}"
        waiting: list[tuple[str, int]] = [(whole, 0)]
        yield from _key(key, whole)
        while waiting:
            at, depth = waiting.pop()
            try:
                with opened(f"{root}{at[len(ROOTS[root.upper()][0]) :]}") as one:
                    if depth:
                        yield from _key(one, at)
                    names = list(_subkeys(one))
            except (Missed, NotThere) as error:
                yield f"{at}: {error}"
                continue
            if names and depth == DEEPEST:
                yield f"{at}: its {len(names)} keys are too deep to be gone into"
                continue
            left -= len(names)
            if left < 0:
                yield f"more than {MOST_KEYS:,} keys are below {path}; the rest is left out"
                return
            waiting += [(f"{at}\\{name}", depth + 1) for name in reversed(names)]


def _key(key: "winreg.HKEYType", path: str) -> Iterator[str]:
    yield ""
    yield path
    for number in range(winreg.QueryInfoKey(key)[1]):
        try:
            name, value, kind = winreg.EnumValue(key, number)
        except OSError as error:
            yield f"    value {number}: {error.strerror or error}"
            continue
        yield f"    {name or '(Default)'}    {TYPES.get(kind, f'type {kind}')}    {shown(value)}"


def _subkeys(key: "winreg.HKEYType") -> Iterator[str]:
    number = 0
    while True:
        try:
            yield winreg.EnumKey(key, number)
        except OSError:
            return  # the end of the list has no other sign
        number += 1


def shown(value: object) -> str:
    """A value as `reg query` writes it."""
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, list):
        return "\\0".join(str(one) for one in value)
    if isinstance(value, int):
        return f"0x{value:x}"
    return "" if value is None else str(value)


def values(path: str) -> dict[str, object]:
    """The values of one key by their names in lower case; what cannot be read is left out."""
    found: dict[str, object] = {}
    with opened(path) as key:
        for number in range(winreg.QueryInfoKey(key)[1]):
            try:
                name, value, _ = winreg.EnumValue(key, number)
            except OSError:
                continue  # one value that is spoiled must not hide the others
            found[name.lower()] = value
    return found


def subkeys(path: str) -> list[str]:
    with opened(path) as key:
        return list(_subkeys(key))
