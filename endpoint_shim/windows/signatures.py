"""Whether a program is Microsoft's, as App Control would find: by its signature, or by a catalog.

1. Verified is the file as it is, by a chain that this Windows trusts. The network is not asked, for
   a revocation or a chain's missing link, so that the answer comes in milliseconds.
2. Microsoft's is what ends in one of the roots that Windows itself holds for Microsoft's own. What
   others signed, with a certificate that Microsoft sold them too, does not.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, wintypes
from typing import Any

from endpoint_shim.windows import handles
from endpoint_shim.windows.kernel import close

assert sys.platform == "win32"

# wintrust.h, softpub.h.
NO_UI, NO_REVOCATION = 2, 0
FILE, CATALOG = 1, 2
VERIFY, CLOSE = 1, 2
CACHE_ONLY = 0x1000
GENERIC_VERIFY = (ctypes.c_ubyte * 16)(*bytes.fromhex("6bc5aa0044cdd0118cc200c04fc295ee"))
# wincrypt.h: CERT_CHAIN_POLICY_MICROSOFT_ROOT, and the flag for the root of 2011.
MICROSOFT_ROOT, OF_2011 = 7, 0x20000
LONGEST_DIGEST, MAX_PATH = 64, 260


class _File(ctypes.Structure):
    """WINTRUST_FILE_INFO."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("path", wintypes.LPCWSTR),
        ("file", wintypes.HANDLE),
        ("subject", ctypes.c_void_p),
    )


class _Catalog(ctypes.Structure):
    """WINTRUST_CATALOG_INFO, of Windows 8 and later."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("version", wintypes.DWORD),
        ("catalog", wintypes.LPCWSTR),
        ("tag", wintypes.LPCWSTR),
        ("path", wintypes.LPCWSTR),
        ("file", wintypes.HANDLE),
        ("digest", ctypes.c_void_p),
        ("digest_size", wintypes.DWORD),
        ("context", ctypes.c_void_p),
        ("admin", wintypes.HANDLE),
    )


class _Data(ctypes.Structure):
    """WINTRUST_DATA."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("callback", ctypes.c_void_p),
        ("sip", ctypes.c_void_p),
        ("ui", wintypes.DWORD),
        ("revocation", wintypes.DWORD),
        ("choice", wintypes.DWORD),
        ("subject", ctypes.c_void_p),
        ("action", wintypes.DWORD),
        ("state", wintypes.HANDLE),
        ("url", wintypes.LPCWSTR),
        ("flags", wintypes.DWORD),
        ("context", wintypes.DWORD),
    )


class _Signer(ctypes.Structure):
    """CRYPT_PROVIDER_SGNR."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("as_of", wintypes.FILETIME),
        ("length", wintypes.DWORD),
        ("certificates", ctypes.c_void_p),
        ("kind", wintypes.DWORD),
        ("signer", ctypes.c_void_p),
        ("error", wintypes.DWORD),
        ("counters", wintypes.DWORD),
        ("counter", ctypes.c_void_p),
        ("chain", ctypes.c_void_p),
    )


class _Policy(ctypes.Structure):
    """CERT_CHAIN_POLICY_PARA."""

    _fields_ = (("size", wintypes.DWORD), ("flags", wintypes.DWORD), ("more", ctypes.c_void_p))


class _Status(ctypes.Structure):
    """CERT_CHAIN_POLICY_STATUS."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("error", wintypes.DWORD),
        ("chain", wintypes.LONG),
        ("element", wintypes.LONG),
        ("more", ctypes.c_void_p),
    )


class _CatalogFile(ctypes.Structure):
    """CATALOG_INFO."""

    _fields_ = (("size", wintypes.DWORD), ("path", wintypes.WCHAR * MAX_PATH))


_wintrust, _crypt32 = ctypes.WinDLL("wintrust"), ctypes.WinDLL("crypt32")
_ANY, _NUMBER = ctypes.c_void_p, wintypes.DWORD
_PROTOTYPES: tuple[tuple[Any, str, Any, list[Any]], ...] = (
    (_wintrust, "WinVerifyTrust", wintypes.LONG, [wintypes.HANDLE, _ANY, POINTER(_Data)]),
    (_wintrust, "WTHelperProvDataFromStateData", _ANY, [wintypes.HANDLE]),
    (
        _wintrust,
        "WTHelperGetProvSignerFromChain",
        POINTER(_Signer),
        [_ANY, _NUMBER, wintypes.BOOL, _NUMBER],
    ),
    (
        _wintrust,
        "CryptCATAdminAcquireContext2",
        wintypes.BOOL,
        [POINTER(wintypes.HANDLE), _ANY, wintypes.LPCWSTR, _ANY, _NUMBER],
    ),
    (_wintrust, "CryptCATAdminReleaseContext", wintypes.BOOL, [wintypes.HANDLE, _NUMBER]),
    (
        _wintrust,
        "CryptCATAdminCalcHashFromFileHandle2",
        wintypes.BOOL,
        [wintypes.HANDLE, wintypes.HANDLE, POINTER(_NUMBER), _ANY, _NUMBER],
    ),
    (
        _wintrust,
        "CryptCATAdminEnumCatalogFromHash",
        wintypes.HANDLE,
        [wintypes.HANDLE, _ANY, _NUMBER, _NUMBER, POINTER(wintypes.HANDLE)],
    ),
    (
        _wintrust,
        "CryptCATCatalogInfoFromContext",
        wintypes.BOOL,
        [wintypes.HANDLE, POINTER(_CatalogFile), _NUMBER],
    ),
    (
        _wintrust,
        "CryptCATAdminReleaseCatalogContext",
        wintypes.BOOL,
        [wintypes.HANDLE, wintypes.HANDLE, _NUMBER],
    ),
    (
        _crypt32,
        "CertVerifyCertificateChainPolicy",
        wintypes.BOOL,
        [_ANY, _ANY, POINTER(_Policy), POINTER(_Status)],
    ),
)
for _library, _name, _result, _arguments in _PROTOTYPES:
    if (_call := getattr(_library, _name, None)) is not None:
        _call.restype, _call.argtypes = _result, _arguments
HAS_CATALOGS = hasattr(_wintrust, "CryptCATAdminCalcHashFromFileHandle2")
"""Windows 8 and later; Wine has no catalogs, and not this call."""


def by_microsoft(path: str) -> bool:
    """Whether it is Microsoft's; raises OSError where it cannot be read."""
    handle = handles.opened(path, handles.READ_DATA | handles.READ_ATTRIBUTES, follow=True)
    try:
        one = _File(ctypes.sizeof(_File), path, handle, None)
        return _is_microsofts(FILE, one) or (HAS_CATALOGS and _in_a_catalog(path, handle))
    finally:
        close(handle)


def _is_microsofts(choice: int, subject: _File | _Catalog) -> bool:
    data = _Data(
        size=ctypes.sizeof(_Data), ui=NO_UI, revocation=NO_REVOCATION, choice=choice,
        subject=ctypes.addressof(subject), action=VERIFY, flags=CACHE_ONLY,
    )  # fmt: skip
    nobody = wintypes.HANDLE(-1)
    try:
        if _wintrust.WinVerifyTrust(nobody, GENERIC_VERIFY, ctypes.byref(data)) != 0:
            return False
        provider = _wintrust.WTHelperProvDataFromStateData(data.state)
        signer = _wintrust.WTHelperGetProvSignerFromChain(provider, 0, False, 0)
        return bool(signer) and _ends_at_microsoft(signer.contents.chain)
    finally:
        data.action = CLOSE
        _wintrust.WinVerifyTrust(nobody, GENERIC_VERIFY, ctypes.byref(data))


def _ends_at_microsoft(chain: int | None) -> bool:
    for flags in (0, OF_2011):
        policy = _Policy(size=ctypes.sizeof(_Policy), flags=flags)
        status = _Status(size=ctypes.sizeof(_Status))
        asked = _crypt32.CertVerifyCertificateChainPolicy(
            MICROSOFT_ROOT, chain, ctypes.byref(policy), ctypes.byref(status)
        )
        if chain and asked and status.error == 0:
            return True
    return False


def _in_a_catalog(path: str, handle: int) -> bool:
    """Most of Windows' own programs carry no signature; their digests are in signed lists."""
    with _catalogs() as admin:
        digest = (ctypes.c_ubyte * LONGEST_DIGEST)()
        size = wintypes.DWORD(LONGEST_DIGEST)
        if admin is None or not _wintrust.CryptCATAdminCalcHashFromFileHandle2(
            admin, handle, ctypes.byref(size), digest, 0
        ):
            return False
        tag = bytes(digest[: size.value]).hex().upper()
        with _naming(admin, digest, size.value) as catalog:
            one = _Catalog(
                size=ctypes.sizeof(_Catalog), catalog=catalog, tag=tag, path=path, file=handle,
                digest=ctypes.addressof(digest), digest_size=size.value, admin=admin,
            )  # fmt: skip
            return catalog is not None and _is_microsofts(CATALOG, one)


@contextmanager
def _catalogs() -> Iterator[wintypes.HANDLE | None]:
    admin = wintypes.HANDLE()
    if not _wintrust.CryptCATAdminAcquireContext2(ctypes.byref(admin), None, "SHA256", None, 0):
        yield None
        return
    try:
        yield admin
    finally:
        _wintrust.CryptCATAdminReleaseContext(admin, 0)


@contextmanager
def _naming(admin: wintypes.HANDLE, digest: Any, size: int) -> Iterator[str | None]:
    """The catalog that has that digest, or None."""
    found = _wintrust.CryptCATAdminEnumCatalogFromHash(admin, digest, size, 0, None)
    if not found:
        yield None
        return
    try:
        one = _CatalogFile(size=ctypes.sizeof(_CatalogFile))
        told = _wintrust.CryptCATCatalogInfoFromContext(found, ctypes.byref(one), 0)
        yield one.path if told else None
    finally:
        _wintrust.CryptCATAdminReleaseCatalogContext(admin, found, 0)
