"""The device's own policy: words that never run here and paths that nobody may touch.

1. The file belongs to root alone (or to the shim's own user where it is not root) and only its
   owner can write it; anything else, and any mistake in it, denies every word: what it was meant
   to forbid is not known.
2. The broker only reads it (Hello, Report); the worker enforces it.
3. A path is checked twice: as asked, before anything touches it, and as the real path found.
4. The shim's own files are off limits with or without a policy (own.py).
"""

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from commands.language import wire
from commands.language.errors import Refused
from commands.language.names import from_bytes, from_text, shown
from endpoint_shim.own import Own
from endpoint_shim.trusted_file import read_trusted

NAME = "policy.toml"
OWNER = "only the device's owner can change that"
MAX_FILE = 65_536
MAX_ENTRIES = 200
KEYS = {"deny", "off_limits"}
MEND = "mend it, then fireline-endpoint check"
_AT = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True)
class Policy:
    """What may not be done on this device, by word and by path."""

    said: wire.Policy = field(default_factory=wire.Policy)
    device: str = "this device"
    hung: dict[str, str] = field(default_factory=dict)
    """Mount -> why it must not be touched: a worker already hangs in it."""
    real: tuple[tuple[str, str], ...] = ()
    """Off-limits paths with links resolved, and as written."""
    own: Own = field(default_factory=Own)

    def check_word(self, word: str) -> None:
        """Raises Refused for a word that this device does not run."""
        if word in self.said.deny:
            line = _line(self.said.deny[word])
            raise Refused(f"{word} on {self.device} by its own policy {line}; {OWNER}")
        if self.said.error:
            raise Refused(
                f"{word} on {self.device}: its own policy is broken, so nothing runs there "
                f"({self.said.error}); {MEND}"
            )

    def check_path(self, path: str) -> None:
        """Raises Refused for a whole path that is off limits, or under a mount that hangs.

        Call it with the path as asked before anything touches it, and with the real path before
        it is opened or listed. Linux bytes come as `os.fsdecode` gives them.
        """
        whole = _plain(path)
        if self.own.is_closed(whole):
            raise self._own(path)
        for mount, why in self.hung.items():
            if _under(whole, _plain(mount)):
                raise Refused(f"{_shown(path)} on {self.device}: {why}")
        for limit, written in (*self.real, *((one, one) for one in self.said.off_limits)):
            if _under(whole, _plain(limit)):
                line = _line(self.said.off_limits[written])
                raise Refused(f"{_shown(path)} on {self.device} by its own policy {line}; {OWNER}")

    def check_written(self, path: str) -> None:
        """The same for a path that is to be made or replaced."""
        if self.own.is_unwritten(_plain(path)):
            raise self._own(path)
        self.check_path(path)

    def check_open(self, path: str, device: int, number: int) -> None:
        """Raises Refused where what is open is the shim's own under another name."""
        if self.own.is_one(device, number):
            raise self._own(path)

    def check_made(self, path: str, device: int, number: int) -> None:
        """The same for a new name in the open folder of that identity."""
        self.check_open(path, device, number)
        if self.own.is_policy_in(device, number, os.path.basename(path)):
            raise self._own(path)

    def _own(self, path: str) -> Refused:
        return Refused(f"{_shown(path)} on {self.device} is the shim's own; {OWNER}")

    def resolved(self) -> "Policy":
        """The same with each off-limits path also where its links lead; touches those paths."""
        real = tuple((os.path.realpath(one), one) for one in self.said.off_limits)
        return replace(self, real=real)

    def unresolved(self) -> "Policy":
        """The same where its off-limits paths could not be followed in time."""
        error = f"{NAME}: its off_limits lead where the system does not answer"
        return replace(self, said=msgspec.structs.replace(self.said, error=error))

    def now_hung(self, mounts: dict[str, str]) -> None:
        self.hung.clear()
        self.hung.update(mounts)


def load(path: Path) -> wire.Policy:
    """The policy in a file, None there meaning none; what is wrong stands in `error`."""
    try:
        text = _read(path)
        return wire.Policy() if text is None else parse(text)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        return wire.Policy(error=_sentence(path.name, error))


def parse(text: str) -> wire.Policy:
    """The policy of a file's text; raises ValueError with a sentence for a mistake in it."""
    found = _loaded(text)
    if unknown := sorted(set(found) - KEYS):
        line = _line_of(text, unknown[0], 0)
        raise ValueError(f"line {line}: {unknown[0]} is no key of a policy")
    deny = _entries(text, "deny", found.get("deny", []))
    off_limits = _entries(text, "off_limits", found.get("off_limits", []))
    for path, where in off_limits.items():
        if not os.path.isabs(path):
            raise ValueError(f"line {where}: off_limits takes whole paths, not {path}")
    value = wire.Policy(deny={k.lower(): v for k, v in deny.items()}, off_limits=off_limits)
    return msgspec.convert(msgspec.to_builtins(value), wire.Policy)


def _loaded(text: str) -> dict[str, object]:
    import tomllib  # most devices have no such file, and every worker reads it as it starts

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.fullmatch(str(error))
        if at is None:
            raise
        line = at[2] or text.count("\n") + 1
        raise ValueError(f"line {line}: {at[1][:1].lower()}{at[1][1:]}") from None
    except RecursionError:
        raise ValueError("line 1: it is nested too deep") from None


def _entries(text: str, key: str, value: object) -> dict[str, int]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError(f"line {_line_of(text, key, 0)}: {key} is a list of texts")
    if len(value) > MAX_ENTRIES:
        line = _line_of(text, key, 0)
        raise ValueError(
            f"line {line}: {key} holds {len(value)} entries, at most {MAX_ENTRIES} can be kept"
        )
    start = _line_of(text, key, 0)
    return {str(one): _line_of(text, str(one), start) for one in value}


def _line_of(text: str, word: str, start: int) -> int:
    """The line that names `word`, at or after `start`; `start` itself where none does so."""
    spelled = {word, word.replace("\\", "\\\\")}
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("#", 1)[0]
        if number >= start and any(one in code for one in spelled):
            return number
    return max(start, 1)


def _read(path: Path) -> str | None:
    try:
        return read_trusted(path, MAX_FILE).decode("utf-8")
    except FileNotFoundError:
        return None


def _sentence(name: str, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{name}{' ' if reason.startswith('line ') else ': '}{reason}"[:4000]


def _line(number: int) -> str:
    return f"({NAME} line {number})"


def _plain(path: str) -> str:
    if os.name == "posix":
        return os.path.normpath(path)
    return os.path.normcase(os.path.normpath(path))


def _under(path: str, limit: str) -> bool:
    return path == limit or path.startswith(limit.rstrip(os.sep) + os.sep)


def _shown(path: str) -> str:
    return shown(from_bytes(os.fsencode(path)) if os.name == "posix" else from_text(path))
