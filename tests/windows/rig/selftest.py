"""Runs inside a new rig: imports what the shim and its tests import there."""

import importlib
import sys

assert sys.platform == "win32", sys.platform
assert sys.getwindowsversion()[:2] == (10, 0), sys.getwindowsversion()  # type: ignore[attr-defined, unused-ignore]
NAMES = """
asyncio ssl ctypes.wintypes sqlite3 winreg msvcrt hashlib zlib bz2 lzma zoneinfo tomllib
concurrent.futures subprocess tempfile argparse logging json http.client uuid
winpty psutil msgspec websockets.asyncio.client cryptography.x509
pytest pytest_asyncio pytest_timeout coverage
"""
for name in NAMES.split():
    importlib.import_module(name)
print("windows rig works", sys.version)
