"""The Base Filtering Engine, opened: transactions, and what of ours it has.

1. Every change is made in a transaction: all of it is there, or nothing is.
2. Ours is what has our provider, and whatever stands in our sublayer: both are read, and removed.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, wintypes
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from commands.language.errors import Failed
from endpoint_shim.windows import filter_native as native
from endpoint_shim.windows import filter_numbers as number
from endpoint_shim.windows import filter_values as values
from endpoint_shim.windows.filter_rules import Rule, boot

assert sys.platform == "win32"

WAIT_MS = 5000
"""For another program that changes filters at this moment."""
PAGE = 256
Found = TypeVar("Found")
NAME, ABOUT = (
    "Fireline isolation",
    "Fireline isolates this device; `release` on the broker ends it.",
)


@dataclass(frozen=True)
class Frame:
    """What holds the filters: the sublayer, and what a person reads at the provider."""

    weight: int
    flags: int
    notes: str


class Engine:
    """One session with the engine; a context manager."""

    def __init__(self, library: ctypes.WinDLL) -> None:
        self._calls = library
        self._handle = wintypes.HANDLE()

    def __enter__(self) -> "Engine":
        told = native.Session(display=native.DisplayData(NAME, None), wait_ms=WAIT_MS)
        opened = ctypes.byref(self._handle)
        status = self._calls.FwpmEngineOpen0(
            None, number.BY_LOGON, None, ctypes.byref(told), opened
        )
        self._check(status, "FwpmEngineOpen0")
        return self

    def __exit__(self, *_: object) -> None:
        # What a transaction has begun and not committed goes with the session.
        self._calls.FwpmEngineClose0(self._handle)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[None]:
        """Commits at its end, and takes everything back where it failed before."""
        self._engine("FwpmTransactionBegin0", number.READ_ONLY if read_only else 0)
        try:
            yield
        except BaseException:
            self._calls.FwpmTransactionAbort0(self._handle)
            raise
        self._engine("FwpmTransactionCommit0")

    def add_frame(self, notes: str) -> None:
        """Provider and sublayer; neither has a service: disabling the shim's opens nothing."""
        data = notes.encode()
        there = ctypes.create_string_buffer(data, len(data))
        display, key = native.DisplayData(NAME, ABOUT), native.guid(number.PROVIDER)
        provider = native.Provider(
            key=key,
            display=display,
            flags=number.PERSISTENT,
            data=native.Blob(len(data), ctypes.addressof(there) if data else None),
        )
        self._engine("FwpmProviderAdd0", ctypes.byref(provider), None)
        sublayer = native.SubLayer(
            key=native.guid(number.SUBLAYER),
            display=display,
            flags=number.PERSISTENT,
            provider=ctypes.pointer(key),
            weight=number.HEAVIEST,
        )
        self._engine("FwpmSubLayerAdd0", ctypes.byref(sublayer), None)

    def add(self, rule: Rule) -> None:
        packed = values.Packed(rule)
        self._engine("FwpmFilterAdd0", ctypes.byref(packed.filter), None, None, doing=rule.line())

    def clear(self) -> None:
        """Takes away all of ours, whoever changed what."""
        for key in {*self.keys(), *map(values.key, boot())}:
            self._delete("FwpmFilterDeleteByKey0", key, number.FILTER_NOT_FOUND)
        sublayer = ("FwpmSubLayerDeleteByKey0", number.SUBLAYER, number.SUBLAYER_NOT_FOUND)
        if not self._delete(*sublayer, number.IN_USE):
            for found in self._every_filter():
                self._delete("FwpmFilterDeleteByKey0", found, number.FILTER_NOT_FOUND)
            self._delete(*sublayer)
        # A provider that something else refers to by now stays, and filters nothing.
        absent = number.PROVIDER_NOT_FOUND
        self._delete("FwpmProviderDeleteByKey0", number.PROVIDER, absent, number.IN_USE)

    def frame(self) -> Frame | None:
        """The sublayer and the provider's notes; None where there is no sublayer."""
        found = POINTER(native.SubLayer)()
        if not self._get("FwpmSubLayerGetByKey0", number.SUBLAYER, found):
            return None
        try:
            weight, flags = int(found.contents.weight), int(found.contents.flags)
        finally:
            self._free(found)
        return Frame(weight, flags, self._notes())

    def rules(self) -> list[Rule]:
        """All of ours that filter, boot-time ones too."""
        return [rule for _, rule in self._ours()]

    def keys(self) -> list[UUID]:
        return [key for key, _ in self._ours()]

    def program(self, path: str) -> str | None:
        """What the engine calls a program's file; None where there is no such file."""
        found = POINTER(native.Blob)()
        status = self._calls.FwpmGetAppIdFromFileName0(path, ctypes.byref(found))
        if status in (2, 3):  # ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND
            return None
        self._check(status, f"to name the program {path}")
        self._need(found, f"to name the program {path}")
        try:
            blob = found.contents
            return ctypes.string_at(blob.data, blob.size).decode("utf-16-le").rstrip("\0")
        finally:
            self._free(found)

    def _notes(self) -> str:
        found = POINTER(native.Provider)()
        if not self._get("FwpmProviderGetByKey0", number.PROVIDER, found):
            return "no provider"
        try:
            blob = found.contents.data
            return (
                ctypes.string_at(blob.data, blob.size).decode(errors="replace") if blob.size else ""
            )
        finally:
            self._free(found)

    def _ours(self) -> list[tuple[UUID, Rule]]:
        found: list[tuple[UUID, Rule]] = []
        for layer in number.LAYERS.values():
            template = native.EnumTemplate(
                layer=native.guid(layer),
                type=number.FULLY_CONTAINED,
                flags=number.WITH_BOOT_TIME | number.WITH_DISABLED,
                actions=number.ANY_ACTION,
            )
            found += self._enumerated(
                template, lambda one: (native.uuid(one.key), values.read(one))
            )
        return found

    def _every_filter(self) -> list[UUID]:
        """In every layer: somebody may have put one elsewhere, in our sublayer."""
        return self._enumerated(None, lambda one: native.uuid(one.key))

    def _enumerated(
        self, template: native.EnumTemplate | None, what: Callable[[native.Filter], Found]
    ) -> list[Found]:
        handle = wintypes.HANDLE()
        told = None if template is None else ctypes.byref(template)
        self._engine("FwpmFilterCreateEnumHandle0", told, ctypes.byref(handle))
        try:
            found: list[Found] = []
            while page := self._page(handle, what):
                found += [one for one in page if one is not None]
            return found
        finally:
            self._calls.FwpmFilterDestroyEnumHandle0(self._handle, handle)

    def _page(
        self, handle: wintypes.HANDLE, what: Callable[[native.Filter], Found]
    ) -> list[Found | None]:
        """The next filters; None for one that is not ours, nothing at the end."""
        entries, count = POINTER(POINTER(native.Filter))(), ctypes.c_uint32()
        self._engine("FwpmFilterEnum0", handle, PAGE, ctypes.byref(entries), ctypes.byref(count))
        try:
            each = [entries[at].contents for at in range(count.value)]
            return [what(one) if values.is_ours(one) else None for one in each]
        finally:
            self._free(entries)

    def _get(self, name: str, key: UUID, found: "ctypes._Pointer[Any]") -> bool:
        status = getattr(self._calls, name)(self._handle, native.guid(key), ctypes.byref(found))
        if status in (number.PROVIDER_NOT_FOUND, number.SUBLAYER_NOT_FOUND):
            return False
        self._check(status, name)
        self._need(found, name)
        return True

    def _delete(self, name: str, key: UUID, absent: int, allowed: int = 0) -> bool:
        """Whether it is gone; `allowed` is the one refusal that is no failure."""
        status = int(getattr(self._calls, name)(self._handle, native.guid(key)))
        if allowed and status == allowed:
            return False
        self._check(0 if status == absent else status, name)
        return True

    def _free(self, found: "ctypes._Pointer[Any]") -> None:
        if ctypes.cast(found, ctypes.c_void_p).value:
            self._calls.FwpmFreeMemory0(ctypes.cast(ctypes.byref(found), POINTER(ctypes.c_void_p)))

    def _engine(self, name: str, *arguments: object, doing: str = "") -> None:
        self._check(getattr(self._calls, name)(self._handle, *arguments), doing or name)

    def _need(self, found: "ctypes._Pointer[Any]", doing: str) -> None:
        """A success that gives nothing is that of a stub (Wine's own library is one)."""
        if not ctypes.cast(found, ctypes.c_void_p).value:
            raise Failed(f"the Windows Filtering Platform gave no answer ({doing})")

    def _check(self, status: int, doing: str) -> None:
        if status:
            why = number.ERRORS.get(status) or f"error {status:#010x}"
            raise Failed(f"the Windows Filtering Platform refused ({doing}): {why}")
