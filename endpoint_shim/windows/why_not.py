"""Why Windows did not start a program, in words: above all, what forbids it; pure."""

from commands.language.errors import Failed, FirelineError, Refused
from endpoint_shim.windows.paths import text

# winerror.h.
BAD_FORMAT, WRONG_MACHINE = 193, 216
_REFUSED = {
    225: "the device's virus scanner says that it is harmful, and blocked it",
    226: "the device's virus scanner says that it is harmful, and removed it",
    577: "the system does not accept its signature",
    740: "it asks for an administrator's consent, which this shim's account does not have",
    1260: "a software restriction policy or AppLocker forbids it",
    4551: "an application control policy (WDAC) forbids it",
    5: "the system denies access to it; a virus scanner or an application control policy may",
}
_FAILED = {
    BAD_FORMAT: "it is no program that this system runs",
    WRONG_MACHINE: "it is a program for another kind of processor",
    2: "a file that it needs does not exist",
    14: "the system has no memory left for it",
    1455: "the system has no memory left for it (the paging file is too small)",
}


def why_not(number: int, path: str) -> FirelineError:
    """The sentence for CreateProcess's error number."""
    if why := _REFUSED.get(number):
        return Refused(f"{text(path)} was not started: {why}")
    if why := _FAILED.get(number):
        return Failed(f"{text(path)} was not started: {why}")
    return Failed(f"{text(path)} was not started (Windows error {number})")
