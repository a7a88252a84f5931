"""The service control manager (advapi32, winsvc.h): the shim as a service, installed and asked.

1. The command line is stored with its program in quotes: without them Windows would first try
   `C:\\Program.exe`, which somebody else may have put there.
2. The account is LocalSystem: a responder has to see and end what every account runs.
3. After any end that nobody asked for, with a status too, it is started again within 5 s.
"""

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, wintypes
from typing import Any

from commands.language.errors import Failed, Refused

assert sys.platform == "win32"

advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)

NAME = "fireline-endpoint"
TITLE = "Fireline endpoint shim"
ABOUT = "Live response on this device, from its owner's own broker."
AGAIN_MS = 2000
FORGET_FAILURES_S = 86_400

# SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE; SERVICE_ALL_ACCESS; SERVICE_QUERY_*.
CONNECT, CREATE, EVERYTHING, ASK = 0x1, 0x2, 0xF01FF, 0x5
OWN_PROCESS, AUTO_START, NORMAL_ERROR = 0x10, 2, 1
DESCRIPTION, FAILURE_ACTIONS, FAILURE_FLAG = 1, 2, 4
RESTART, ACTIONS = 1, 3
CONTROL_STOP, STOPPED, RUNNING = 1, 1, 4
ACCESS_DENIED, NO_SUCH_SERVICE, EXISTS, NOT_ACTIVE = 5, 1060, 1073, 1062
MARKED_FOR_DELETE, ALREADY_RUNNING, INVALID_LEVEL = 1072, 1056, 124
STATES = ("unknown", "stopped", "starting", "stopping", "running", "resuming", "pausing", "paused")


class Status(ctypes.Structure):
    """SERVICE_STATUS."""

    _fields_ = (
        ("kind", wintypes.DWORD),
        ("state", wintypes.DWORD),
        ("accepted", wintypes.DWORD),
        ("exit_code", wintypes.DWORD),
        ("own_exit_code", wintypes.DWORD),
        ("checkpoint", wintypes.DWORD),
        ("wait_hint_ms", wintypes.DWORD),
    )


class _Process(ctypes.Structure):
    """SERVICE_STATUS_PROCESS."""

    _fields_ = (*Status._fields_, ("pid", wintypes.DWORD), ("flags", wintypes.DWORD))


class _Description(ctypes.Structure):
    """SERVICE_DESCRIPTIONW."""

    _fields_ = (("text", wintypes.LPWSTR),)


class _Action(ctypes.Structure):
    """SC_ACTION."""

    _fields_ = (("kind", ctypes.c_int), ("delay_ms", wintypes.DWORD))


class _Failure(ctypes.Structure):
    """SERVICE_FAILURE_ACTIONSW."""

    _fields_ = (
        ("forget_s", wintypes.DWORD),
        ("message", wintypes.LPWSTR),
        ("command", wintypes.LPWSTR),
        ("count", wintypes.DWORD),
        ("actions", POINTER(_Action)),
    )


class _Flag(ctypes.Structure):
    """SERVICE_FAILURE_ACTIONS_FLAG: also after an end with a status other than 0."""

    _fields_ = (("also_by_status", wintypes.BOOL),)


class _Config(ctypes.Structure):
    """QUERY_SERVICE_CONFIGW."""

    _fields_ = (
        ("kind", wintypes.DWORD),
        ("start", wintypes.DWORD),
        ("error", wintypes.DWORD),
        ("command_line", wintypes.LPWSTR),
        ("group", wintypes.LPWSTR),
        ("tag", wintypes.DWORD),
        ("needs", wintypes.LPWSTR),
        ("account", wintypes.LPWSTR),
        ("title", wintypes.LPWSTR),
    )


_PROTOTYPES: tuple[tuple[str, Any, list[Any]], ...] = (
    ("OpenSCManagerW", wintypes.HANDLE, [wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD]),
    ("OpenServiceW", wintypes.HANDLE, [wintypes.HANDLE, wintypes.LPCWSTR, wintypes.DWORD]),
    (
        "CreateServiceW",
        wintypes.HANDLE,
        [
            *(wintypes.HANDLE, wintypes.LPCWSTR, wintypes.LPCWSTR),
            *(wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD),
            *(wintypes.LPCWSTR, wintypes.LPCWSTR, POINTER(wintypes.DWORD)),
            *(wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.LPCWSTR),
        ],
    ),
    ("StartServiceW", wintypes.BOOL, [wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p]),
    ("ControlService", wintypes.BOOL, [wintypes.HANDLE, wintypes.DWORD, POINTER(Status)]),
    ("DeleteService", wintypes.BOOL, [wintypes.HANDLE]),
    ("CloseServiceHandle", wintypes.BOOL, [wintypes.HANDLE]),
    ("ChangeServiceConfig2W", wintypes.BOOL, [wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p]),
    (
        "QueryServiceStatusEx",
        wintypes.BOOL,
        [
            *(wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p),
            *(wintypes.DWORD, POINTER(wintypes.DWORD)),
        ],
    ),
    (
        "QueryServiceConfigW",
        wintypes.BOOL,
        [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD, POINTER(wintypes.DWORD)],
    ),
)
for _name, _result, _arguments in _PROTOTYPES:
    _call = getattr(advapi32, _name)
    _call.restype, _call.argtypes = _result, _arguments


def install(words: list[str]) -> list[str]:
    """Makes the service, or Refused where it is there already; what this system did not take."""
    with _opened(advapi32.OpenSCManagerW(None, None, CONNECT | CREATE)) as manager:
        made = advapi32.CreateServiceW(
            *(manager, NAME, TITLE, EVERYTHING, OWN_PROCESS, AUTO_START, NORMAL_ERROR),
            *(command_line(words), None, None, None, None, None),
        )
        if not made and ctypes.get_last_error() == EXISTS:
            raise Refused(f"the service {NAME} is here already; fireline-endpoint service remove")
        with _opened(made) as service:
            return _describe(service)


def start() -> None:
    """Has it started; one that runs already is no error."""
    with _service(EVERYTHING) as service:
        _unless(advapi32.StartServiceW(service, 0, None), ALREADY_RUNNING)


def stop() -> None:
    """Asks it to stop; one that does not run is no error."""
    with _service(EVERYTHING) as service:
        status = Status()
        _unless(advapi32.ControlService(service, CONTROL_STOP, ctypes.byref(status)), NOT_ACTIVE)


def delete() -> None:
    """Takes it away; it is gone when the last handle to it is closed."""
    with _service(EVERYTHING) as service:
        _unless(advapi32.DeleteService(service), MARKED_FOR_DELETE)


def found() -> tuple[int, int]:
    """Its state (SERVICE_STOPPED …) and its process."""
    with _service(ASK) as service:
        status, size = _Process(), wintypes.DWORD()
        there = ctypes.byref(status)
        _check(
            advapi32.QueryServiceStatusEx(
                service, 0, there, ctypes.sizeof(status), ctypes.byref(size)
            )
        )
        return int(status.state), int(status.pid)


def stored() -> tuple[str, str, int]:
    """What Windows keeps of it: command line, account, and how it starts."""
    with _service(ASK) as service:
        size = wintypes.DWORD()
        advapi32.QueryServiceConfigW(service, None, 0, ctypes.byref(size))
        there = ctypes.create_string_buffer(size.value)
        _check(advapi32.QueryServiceConfigW(service, there, size, ctypes.byref(size)))
        kept = ctypes.cast(there, POINTER(_Config)).contents
        return kept.command_line or "", kept.account or "", int(kept.start)


def state_of() -> tuple[bool, str]:
    """Whether the service is as it should be, and a sentence."""
    try:
        state, pid = found()
        line, account, how = stored()
    except Failed:
        return True, "it is no service here; fireline-endpoint service install makes it one"
    if not line.startswith('"'):
        return False, f"the service's command line is not in quotes ({line}); install it anew"
    well = (state, how) == (RUNNING, AUTO_START)
    starts = "starts with the system" if how == AUTO_START else "does not start with the system"
    remedy = "" if well else f"; sc start {NAME}"
    words = f"the service is {STATES[state] if state < len(STATES) else state}, pid {pid}"
    return well, f"{words}, as {account}, and {starts}{remedy}"


def command_line(words: list[str]) -> str:
    """As CommandLineToArgvW reads it; the program in quotes whether it needs them or not."""
    if '"' in words[0]:
        raise Refused(f"{words[0]} is no place for a program of Windows")
    return f'"{words[0]}" {subprocess.list2cmdline(words[1:])}'


def _describe(service: int) -> list[str]:
    actions = (_Action * ACTIONS)(*[_Action(RESTART, AGAIN_MS)] * ACTIONS)
    failure = _Failure(FORGET_FAILURES_S, None, None, ACTIONS, actions)
    left_out = []
    for name, what, told in (
        ("its description", DESCRIPTION, _Description(ABOUT)),
        ("a new start when it is killed", FAILURE_ACTIONS, failure),
        ("a new start when it ends with a status", FAILURE_FLAG, _Flag(True)),
    ):
        if advapi32.ChangeServiceConfig2W(service, what, ctypes.byref(told)):
            continue
        if ctypes.get_last_error() != INVALID_LEVEL:
            _check(0)
        left_out.append(name)  # Wine; every Windows since Vista has all three
    return left_out


@contextmanager
def _service(access: int) -> Iterator[int]:
    with (
        _opened(advapi32.OpenSCManagerW(None, None, CONNECT)) as manager,
        _opened(advapi32.OpenServiceW(manager, NAME, access)) as service,
    ):
        yield service


@contextmanager
def _opened(handle: int | None) -> Iterator[int]:
    _check(handle)
    assert handle is not None
    try:
        yield handle
    finally:
        advapi32.CloseServiceHandle(handle)


def _unless(answer: int, known: int) -> None:
    if not answer and ctypes.get_last_error() != known:
        _check(answer)


def _check(answer: int | None) -> None:
    if answer:
        return
    number = ctypes.get_last_error()
    if number == NO_SUCH_SERVICE:
        raise Failed(f"there is no service {NAME} here; fireline-endpoint service install")
    if number == ACCESS_DENIED:
        raise Refused("services are the administrators'; start this from an elevated prompt")
    raise Failed(f"the service control manager refused: {ctypes.FormatError(number).strip()}")
