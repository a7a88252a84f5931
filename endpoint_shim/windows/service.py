"""The shim as Windows runs it: what the service control manager is told, and when it stops.

1. The dispatcher's thread is Windows' own; the supervisor's loop lives in the thread of
   ServiceMain, and a control (stop, shutdown) only wakes it.
2. An end that nobody asked for is told with a status, so that the recovery actions count.
3. There is no console: what is logged goes to a file of the state folder, bounded.
"""

import asyncio
import ctypes
import logging
import os
import sys
import threading
import time
from ctypes import POINTER, wintypes
from pathlib import Path

from commands.language.errors import Failed, FirelineError
from endpoint_shim import config, supervisor
from endpoint_shim.children import own_words
from endpoint_shim.windows import scm
from endpoint_shim.windows.kernel import failure
from endpoint_shim.windows.scm import Status, advapi32

assert sys.platform == "win32"

LOG, LONGEST_LOG = "service.log", 1024 * 1024
LINE = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"
START_S, STOP_S, LOOK_S = 30.0, 30.0, 0.1
START_PENDING, STOP_PENDING = 2, 3
ACCEPT_STOP_AND_SHUTDOWN = 0x5
CONTROL_STOP, CONTROL_INTERROGATE, CONTROL_SHUTDOWN = 1, 4, 5
NOT_IMPLEMENTED, SPECIFIC_ERROR = 120, 1066
HINT_MS = 30_000
FAILED = 1
"""The service's own status where it ends by an error."""

_Main = ctypes.WINFUNCTYPE(None, wintypes.DWORD, POINTER(wintypes.LPWSTR))
_Control = ctypes.WINFUNCTYPE(
    wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p
)


class _Entry(ctypes.Structure):
    """SERVICE_TABLE_ENTRYW."""

    _fields_ = (("name", wintypes.LPWSTR), ("main", _Main))


advapi32.StartServiceCtrlDispatcherW.argtypes = [POINTER(_Entry)]
advapi32.StartServiceCtrlDispatcherW.restype = wintypes.BOOL
advapi32.RegisterServiceCtrlHandlerExW.argtypes = [wintypes.LPCWSTR, _Control, ctypes.c_void_p]
advapi32.RegisterServiceCtrlHandlerExW.restype = wintypes.HANDLE
advapi32.SetServiceStatus.argtypes = [wintypes.HANDLE, POINTER(Status)]
advapi32.SetServiceStatus.restype = wintypes.BOOL

log = logging.getLogger("fireline.service")


def act(word: str, state: Path) -> str:
    """Does what the word says, and says what was done."""
    match word:
        case "install":
            return install(state)
        case "remove":
            return remove()
        case "run":
            Service(state).run()
            return "stopped"
    return scm.state_of()[1]


def install(state: Path) -> str:
    """A service that runs now and starts with the system."""
    left_out = scm.install([sys.executable, *own_words("service run", state)])
    scm.start()
    if not _comes_to(scm.RUNNING, START_S):
        raise Failed(f"the service {scm.NAME} is installed but does not start; see {state / LOG}")
    lacks = f"; this system does not take: {', '.join(left_out)}" if left_out else ""
    return f"the service {scm.NAME} runs, starts with the system, and again if killed{lacks}"


def remove() -> str:
    """Stops it, waits for its end, and takes it away."""
    scm.stop()
    if not _comes_to(scm.STOPPED, STOP_S):
        raise Failed(f"the service {scm.NAME} does not stop; it is still installed")
    scm.delete()
    return f"the service {scm.NAME} is gone; the device's identity stays in its state folder"


def _comes_to(state: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while scm.found()[0] != state:
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_S)
    return True


class Service:
    """One run of the service, from the dispatcher's start to the word stopped."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._handle = 0
        self._stopping = threading.Event()
        self._running: tuple[asyncio.AbstractEventLoop, supervisor.Supervisor] | None = None
        # Windows calls these for as long as the process lives.
        self._main, self._control = _Main(self._serve), _Control(self._controlled)

    def run(self) -> None:
        """Gives this thread to the dispatcher; raises Failed where no manager started us."""
        table = (_Entry * 2)(_Entry(scm.NAME, self._main), _Entry(None, _Main()))
        if not advapi32.StartServiceCtrlDispatcherW(table):
            raise Failed(f"the service control manager did not start this ({failure()}); use run")

    def _serve(self, count: int, arguments: object) -> None:
        self._handle = advapi32.RegisterServiceCtrlHandlerExW(scm.NAME, self._control, None)
        self._tell(START_PENDING)
        log_to(self._state / LOG)
        status = FAILED
        try:
            asyncio.run(supervisor.supervise(config.load(self._state), self._started))
            status = 0 if self._stopping.is_set() else FAILED
        except (FirelineError, OSError) as error:
            log.error("%s", error)
        finally:
            # Whatever it was: without this word the service would seem to run for ever.
            self._tell(scm.STOPPED, status)

    def _started(self, running: supervisor.Supervisor) -> None:
        self._running = (asyncio.get_running_loop(), running)
        self._tell(scm.RUNNING)
        if self._stopping.is_set():
            running.stop()

    def _controlled(self, control: int, kind: int, told: object, context: object) -> int:
        """In the dispatcher's thread; must answer at once."""
        if control in (CONTROL_STOP, CONTROL_SHUTDOWN):
            self._stopping.set()
            self._tell(STOP_PENDING)
            if self._running is not None:
                loop, running = self._running
                loop.call_soon_threadsafe(running.stop)
            return 0
        return 0 if control == CONTROL_INTERROGATE else NOT_IMPLEMENTED

    def _tell(self, state: int, own_exit_code: int = 0) -> None:
        pending = state in (START_PENDING, STOP_PENDING)
        status = Status(
            kind=scm.OWN_PROCESS,
            state=state,
            accepted=ACCEPT_STOP_AND_SHUTDOWN if state == scm.RUNNING else 0,
            exit_code=SPECIFIC_ERROR if own_exit_code else 0,
            own_exit_code=own_exit_code,
            checkpoint=1 if pending else 0,
            wait_hint_ms=HINT_MS if pending else 0,
        )
        advapi32.SetServiceStatus(self._handle, ctypes.byref(status))


def log_to(path: Path) -> None:
    """Standard error becomes the file, for workers too; the last run's is kept beside it."""
    if path.exists() and path.stat().st_size > LONGEST_LOG:
        path.replace(path.with_suffix(".old.log"))
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_BINARY, 0o600)
    os.dup2(handle, 2, inheritable=True)
    os.close(handle)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    # Nobody else adds the time here, as systemd's journal does.
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format=LINE)
