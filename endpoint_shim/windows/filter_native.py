"""The Filtering Platform's structures and calls (fwpmtypes.h, fwptypes.h, fwpmu.h); only that."""

import ctypes
import sys
from ctypes import POINTER, wintypes
from uuid import UUID

assert sys.platform == "win32"

SYSTEM32_ONLY = 0x800
"""LOAD_LIBRARY_SEARCH_SYSTEM32: never one that lies beside the program."""


class Guid(ctypes.Structure):
    """GUID."""

    _fields_ = (
        ("data1", ctypes.c_uint32),
        ("data2", ctypes.c_uint16),
        ("data3", ctypes.c_uint16),
        ("data4", ctypes.c_ubyte * 8),
    )


class DisplayData(ctypes.Structure):
    """FWPM_DISPLAY_DATA0."""

    _fields_ = (("name", wintypes.LPWSTR), ("description", wintypes.LPWSTR))


class Blob(ctypes.Structure):
    """FWP_BYTE_BLOB."""

    _fields_ = (("size", ctypes.c_uint32), ("data", ctypes.c_void_p))


class _Datum(ctypes.Union):
    _fields_ = (
        ("uint8", ctypes.c_uint8),
        ("uint16", ctypes.c_uint16),
        ("uint32", ctypes.c_uint32),
        ("at", ctypes.c_void_p),
    )


class Datum(ctypes.Structure):
    """FWP_VALUE0 and FWP_CONDITION_VALUE0: they differ in what the pointer may point to."""

    _fields_ = (("type", ctypes.c_uint32), ("value", _Datum))


class V4Mask(ctypes.Structure):
    """FWP_V4_ADDR_AND_MASK, both in the processor's order."""

    _fields_ = (("address", ctypes.c_uint32), ("mask", ctypes.c_uint32))


class V6Mask(ctypes.Structure):
    """FWP_V6_ADDR_AND_MASK."""

    _fields_ = (("address", ctypes.c_ubyte * 16), ("prefix", ctypes.c_uint8))


class FilterCondition(ctypes.Structure):
    """FWPM_FILTER_CONDITION0."""

    _fields_ = (("field", Guid), ("match", ctypes.c_uint32), ("value", Datum))


class Action(ctypes.Structure):
    """FWPM_ACTION0."""

    _fields_ = (("type", ctypes.c_uint32), ("filter_type", Guid))


class _Context(ctypes.Union):
    _fields_ = (("raw", ctypes.c_uint64), ("provider", Guid))


class Filter(ctypes.Structure):
    """FWPM_FILTER0."""

    _fields_ = (
        ("key", Guid),
        ("display", DisplayData),
        ("flags", ctypes.c_uint32),
        ("provider", POINTER(Guid)),
        ("provider_data", Blob),
        ("layer", Guid),
        ("sublayer", Guid),
        ("weight", Datum),
        ("count", ctypes.c_uint32),
        ("conditions", POINTER(FilterCondition)),
        ("action", Action),
        ("context", _Context),
        ("reserved", ctypes.c_void_p),
        ("id", ctypes.c_uint64),
        ("effective_weight", Datum),
    )


class EnumTemplate(ctypes.Structure):
    """FWPM_FILTER_ENUM_TEMPLATE0."""

    _fields_ = (
        ("provider", POINTER(Guid)),
        ("layer", Guid),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("contexts", ctypes.c_void_p),
        ("count", ctypes.c_uint32),
        ("conditions", POINTER(FilterCondition)),
        ("actions", ctypes.c_uint32),
        ("callout", ctypes.c_void_p),
    )


class Provider(ctypes.Structure):
    """FWPM_PROVIDER0."""

    _fields_ = (
        ("key", Guid),
        ("display", DisplayData),
        ("flags", ctypes.c_uint32),
        ("data", Blob),
        ("service", wintypes.LPWSTR),
    )


class SubLayer(ctypes.Structure):
    """FWPM_SUBLAYER0."""

    _fields_ = (
        ("key", Guid),
        ("display", DisplayData),
        ("flags", ctypes.c_uint32),
        ("provider", POINTER(Guid)),
        ("data", Blob),
        ("weight", ctypes.c_uint16),
    )


class Session(ctypes.Structure):
    """FWPM_SESSION0."""

    _fields_ = (
        ("key", Guid),
        ("display", DisplayData),
        ("flags", ctypes.c_uint32),
        ("wait_ms", ctypes.c_uint32),
        ("process", wintypes.DWORD),
        ("sid", ctypes.c_void_p),
        ("user", wintypes.LPWSTR),
        ("kernel", wintypes.BOOL),
    )


_ENGINE, _GUID, _OUT = wintypes.HANDLE, POINTER(Guid), POINTER(ctypes.c_void_p)
_PROTOTYPES: tuple[tuple[str, list[object]], ...] = (
    (
        "FwpmEngineOpen0",
        [wintypes.LPCWSTR, ctypes.c_uint32, ctypes.c_void_p, POINTER(Session), POINTER(_ENGINE)],
    ),
    ("FwpmEngineClose0", [_ENGINE]),
    ("FwpmTransactionBegin0", [_ENGINE, ctypes.c_uint32]),
    ("FwpmTransactionCommit0", [_ENGINE]),
    ("FwpmTransactionAbort0", [_ENGINE]),
    ("FwpmProviderAdd0", [_ENGINE, POINTER(Provider), ctypes.c_void_p]),
    ("FwpmProviderDeleteByKey0", [_ENGINE, _GUID]),
    ("FwpmProviderGetByKey0", [_ENGINE, _GUID, POINTER(POINTER(Provider))]),
    ("FwpmSubLayerAdd0", [_ENGINE, POINTER(SubLayer), ctypes.c_void_p]),
    ("FwpmSubLayerDeleteByKey0", [_ENGINE, _GUID]),
    ("FwpmSubLayerGetByKey0", [_ENGINE, _GUID, POINTER(POINTER(SubLayer))]),
    ("FwpmFilterAdd0", [_ENGINE, POINTER(Filter), ctypes.c_void_p, POINTER(ctypes.c_uint64)]),
    ("FwpmFilterDeleteByKey0", [_ENGINE, _GUID]),
    ("FwpmFilterCreateEnumHandle0", [_ENGINE, POINTER(EnumTemplate), POINTER(wintypes.HANDLE)]),
    (
        "FwpmFilterEnum0",
        [
            *(_ENGINE, wintypes.HANDLE, ctypes.c_uint32),
            *(POINTER(POINTER(POINTER(Filter))), POINTER(ctypes.c_uint32)),
        ],
    ),
    ("FwpmFilterDestroyEnumHandle0", [_ENGINE, wintypes.HANDLE]),
    ("FwpmGetAppIdFromFileName0", [wintypes.LPCWSTR, POINTER(POINTER(Blob))]),
)


def library(path: str = "fwpuclnt.dll") -> ctypes.WinDLL:
    """The engine's client library, its calls typed."""
    found = ctypes.WinDLL(path, winmode=SYSTEM32_ONLY if path == "fwpuclnt.dll" else 0)
    for name, arguments in _PROTOTYPES:
        call = getattr(found, name)
        call.restype, call.argtypes = ctypes.c_uint32, arguments
    found.FwpmFreeMemory0.restype, found.FwpmFreeMemory0.argtypes = None, [_OUT]
    return found


def guid(key: UUID) -> Guid:
    return Guid.from_buffer_copy(key.bytes_le)


def uuid(key: Guid) -> UUID:
    return UUID(bytes_le=bytes(key))
