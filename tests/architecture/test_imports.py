"""Who may import whom (the rooms of the house), and what each room may know."""

import ast
import re
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT, Source, imports, parse, sources

pytestmark = pytest.mark.xdist_group("sources")

# Room -> the rooms it may use, and the packages from outside it may use.
MAY_USE = {
    "commands": ({"commands"}, {"msgspec"}),
    "scripts_library": ({"scripts_library"}, set[str]()),
    "endpoint_shim": (
        {"endpoint_shim", "commands"},
        {"cryptography", "msgspec", "psutil", "uvloop", "websockets", "xlwt", "yaml"},
    ),
    "server": (
        {"server", "commands", "scripts_library"},
        {"aiosqlite", "asyncssh", "cryptography", "msgspec", "prompt_toolkit", "psutil"}
        | {"uvloop", "wcwidth", "websockets", "yaml"},
    ),
}
# Package -> the only places that know it.
ONLY_IN = {
    "aiosqlite": ("server/store/",),
    "sqlite3": ("server/store/",),
    "asyncssh": ("server/doors/", "server/identity/"),
    "prompt_toolkit": ("server/doors/",),
}
# The operating system's own modules: in the shim, only where a platform's half lives.
PLATFORM = {
    *("ctypes", "fcntl", "grp", "msvcrt", "pty", "pwd", "resource", "syslog", "termios", "tty"),
    *("_winapi", "nt", "pywintypes", "win32api", "win32security", "winpty", "winreg", "winsound"),
}
PLATFORM_PLACES = ("endpoint_shim/linux/", "endpoint_shim/windows/", "endpoint_shim/terminal")
WINDOWS_ONLY = PLATFORM & {
    *("msvcrt", "_winapi", "nt", "pywintypes", "win32api", "win32security", "winpty", "winreg"),
}
SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s"
    r"|CREATE\s+(TABLE|INDEX|UNIQUE|TRIGGER)\s|PRAGMA\s+\w+|BEGIN\s+IMMEDIATE)",
    re.DOTALL,
)
SERVER_ONLY = ("aiosqlite", "asyncssh", "prompt_toolkit", "server", "sqlite3", "wcwidth")
ON_DEMAND = ("cryptography", "psutil", "xlwt", "yaml")


def broken_import_rules(source: Source) -> list[str]:
    room = source.path.split("/")[0]
    rooms, packages = MAY_USE[room]
    broken = []
    for found in imports(source):
        top = found.module.split(".")[0]
        where = f"{source.path}:{found.line} imports {found.module}"
        if top not in rooms | packages and top not in sys.stdlib_module_names | WINDOWS_ONLY:
            broken.append(f"{where}: {room} may not use it")
        if top in ONLY_IN and not source.path.startswith(ONLY_IN[top]):
            broken.append(f"{where}: only {' and '.join(ONLY_IN[top])} may")
        if top in WINDOWS_ONLY and room != "endpoint_shim":
            broken.append(f"{where}: only the shim's windows half may")
        if top in PLATFORM and room == "commands":
            broken.append(f"{where}: both sides of both platforms read it")
        in_place = source.path.startswith(PLATFORM_PLACES)
        if top in PLATFORM and room == "endpoint_shim" and not in_place:
            broken.append(f"{where}: only {', '.join(PLATFORM_PLACES)} may")
    return broken


def sql_outside_store(source: Source) -> list[str]:
    if source.path.startswith("server/store/"):
        return []
    return [
        f"{source.path}:{node.lineno} holds SQL: {node.value.strip()[:40]!r}"
        for node in source.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]


def loaded_by(*modules: str) -> set[str]:
    """The top-level packages a fresh interpreter holds after importing these."""
    lines = [f"import {module}" for module in modules]
    lines += ["import sys", "print(*{name.split('.')[0] for name in sys.modules})"]
    answer = subprocess.run(
        [sys.executable, "-I", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    return set(answer.stdout.split())


def shim_modules() -> list[str]:
    """All of the shim that imports on this system."""
    names = [
        source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for source in sources("endpoint_shim")
    ]
    other = "windows" if sys.platform == "linux" else "linux"
    return [name for name in names if other not in re.split(r"[._]", name)]


def test_every_room_uses_only_what_it_may() -> None:
    assert [line for source in sources() for line in broken_import_rules(source)] == []


def test_sql_is_only_in_the_store() -> None:
    assert [
        line for source in sources("server", "commands") for line in sql_outside_store(source)
    ] == []


def test_the_shims_imports_hold_nothing_of_the_server() -> None:
    modules = shim_modules()
    if not modules:
        pytest.fail("endpoint_shim has no modules")
    assert loaded_by(*modules) & set(SERVER_ONLY) == set()


def test_the_idle_supervisor_loads_the_larger_packages_only_on_demand() -> None:
    assert (ROOT / "endpoint_shim/supervisor.py").exists()
    assert loaded_by("endpoint_shim.supervisor") & set(ON_DEMAND) == set()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("commands/dir.py", "import server.live"),
        ("commands/dir.py", "import psutil"),
        ("commands/dir.py", "import fcntl"),
        ("commands/dir.py", "def run():\n    from endpoint_shim import worker"),
        ("endpoint_shim/worker.py", "from server import broker"),
        ("endpoint_shim/worker.py", "import asyncssh"),
        ("endpoint_shim/worker.py", "import ctypes"),
        ("endpoint_shim/worker.py", "import importlib\nimportlib.import_module('wcwidth')"),
        ("server/live/session.py", "import endpoint_shim.worker"),
        ("server/live/session.py", "import asyncssh"),
        ("server/identity/keys.py", "import prompt_toolkit"),
        ("server/audit/journal.py", "import sqlite3"),
        ("server/audit/journal.py", "from .. import nothing\nimport requests"),
        ("server/operator/demo.py", "import winreg"),
        ("scripts_library/x.py", "import msgspec"),
    ],
)
def test_a_planted_import_is_seen(path: str, text: str) -> None:
    assert broken_import_rules(parse(path, text)) != []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("commands/dir.py", "import msgspec\nfrom commands.language import items"),
        ("commands/language/host/__init__.py", "from .files import Files\nfrom . import processes"),
        (
            "endpoint_shim/linux/files.py",
            "import ctypes, fcntl\nfrom commands.language import host",
        ),
        ("endpoint_shim/windows/files.py", "import winreg"),
        ("server/store/sqlite.py", "import aiosqlite, fcntl"),
        ("server/doors/ssh.py", "import asyncssh, prompt_toolkit"),
    ],
)
def test_an_import_in_its_place_is_let_be(path: str, text: str) -> None:
    assert broken_import_rules(parse(path, text)) == []


def test_planted_sql_is_seen_outside_the_store_only() -> None:
    text = 'x = "SELECT name FROM devices"\ny = "Select a device from the list"\n'
    assert len(sql_outside_store(parse("server/live/session.py", text))) == 1
    assert sql_outside_store(parse("server/store/devices.py", text)) == []


def test_a_planted_closure_is_seen() -> None:
    assert "asyncssh" in loaded_by("msgspec", "asyncssh")
