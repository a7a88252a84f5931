r"""Checks Fireline's shim on a real Windows, and prints a report: what Wine cannot show is here.

    py -3.11 -m venv .venv
    .venv\Scripts\python -m pip install . pytest pytest-asyncio pytest-timeout pyinstaller
    .venv\Scripts\python tools\windows_check.py

In a clone, best from an elevated prompt; without one the parts that need it say so. It changes
nothing that stays: it works in a folder of its own, and the service that it makes is taken away.
The report goes to windows-report.txt as well; the exit status is 1 where something failed. Names of
parts (`the_service_lives` …) choose them; two run only so, for they change the machine for a
moment: `isolates_for_real` and `restricts_for_real` (tools/windows_contained.py).
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commands.language import wire

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # isolated Pythons do not look beside a script

from tools import windows_collected, windows_contained  # noqa: E402
from tools.windows_report import MOST_TOLD, PROGRAM_S, NotHere, elevated, ran  # noqa: E402

REPORT = "windows-report.txt"
SERVICE = "fireline-endpoint"
AGAIN_S = 30.0
"""The recovery action comes after 2 s; the rest is the service's own start."""
INSIDE_S, EXE_S = 900, 900


def windows_itself(_: Path) -> str:
    """Which Windows, which Python, and with which rights"""
    if sys.platform != "win32":
        raise NotHere("this is not Windows")
    rights = "elevated" if elevated() else "not elevated"
    return f"Windows {platform.version()}, Python {platform.python_version()}, {rights}"


def the_tests_inside(folder: Path) -> str:
    """The tests that also run in Wine (tests/windows/inside)"""
    words = ["-I", "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"]
    words += [
        "-o",
        "pythonpath=.",
        "-o",
        "asyncio_debug=false",
        "--basetemp",
        str(folder / "pytest"),
    ]
    said = ran([sys.executable, *words, str(ROOT / "tests/windows/inside")], INSIDE_S)
    return said.strip().splitlines()[-1]


def links_are_not_followed(folder: Path) -> str:
    """A junction and a symbolic link are shown as links, and nothing is read through them"""
    from commands.language.errors import Refused
    from endpoint_shim.policy import Policy
    from endpoint_shim.windows.reading import open_plain

    (folder / "real").mkdir()
    (folder / "real/secret.txt").write_text("secret")
    ran(["cmd.exe", "/d", "/c", "mklink", "/J", "junction", "real"], PROGRAM_S, cwd=folder)
    if not (folder / "junction/secret.txt").exists():
        raise NotHere("mklink made no junction")
    made = ["the junction"]
    if elevated():
        file = ["mklink", "link.txt", "real\\secret.txt"]
        ran(["cmd.exe", "/d", "/c", *file], PROGRAM_S, cwd=folder)
        made.append("the symbolic link")
        try:
            open_plain(str(folder / "link.txt"), Policy()).close()
        except Refused:
            pass
        else:
            raise AssertionError("a symbolic link was read through")
    closed = Policy(said=denied(folder / "real"))
    try:
        open_plain(str(folder / "junction/secret.txt"), closed).close()
    except Refused as error:
        return f"{' and '.join(made)}: {error}"
    raise AssertionError("a path that is off limits was read through a junction")


def folders_of_the_shim_are_private(folder: Path) -> str:
    """The state folder: SYSTEM and administrators only, as icacls sees it"""
    from endpoint_shim import private

    private.make_folder(folder / "private")
    said = ran(["icacls.exe", str(folder / "private")], PROGRAM_S)
    for sid in ("S-1-1-0", "S-1-5-11", "S-1-5-32-545"):
        found = ran(["icacls.exe", str(folder / "private"), "/findsid", f"*{sid}"], PROGRAM_S)
        if str(folder / "private") in found:
            raise AssertionError(f"{sid} may enter: {said}")
    if "(F)" not in said:
        raise NotHere(f"icacls says nothing of it: {said!r}")
    return " ".join(said.replace(str(folder / "private"), "").split())


def a_real_powershell_runs(folder: Path) -> str:
    """powershell.exe -File with arguments, output apart, and its own status"""
    script = folder / "said.ps1"
    script.write_text(
        "param($a)\n[Console]::Out.Write($a)\n[Console]::Error.Write('err')\nexit 7\n",
        encoding="utf-8-sig",
    )
    whole = Path(os.environ["SYSTEMROOT"], "System32/WindowsPowerShell/v1.0/powershell.exe")
    words = [str(whole), "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass"]
    given = 'a "b" c\\'
    done = subprocess.run(
        [*words, "-File", str(script), given], capture_output=True, timeout=PROGRAM_S, check=False
    )
    told = (done.returncode, done.stdout.decode("oem"), done.stderr.decode("oem").strip())
    if told != (7, given, "err"):
        raise AssertionError(f"it said {told}")
    return "status 7, the argument to the byte, both outputs apart"


def the_service_lives(folder: Path) -> str:
    """A service of the SCM: started, killed and started again by Windows, stopped, removed"""
    if not elevated():
        raise NotHere("needs an elevated prompt")
    from endpoint_shim.windows import scm

    state = a_state(folder / "a state")
    program = [sys.executable, "-I", "-m", "endpoint_shim", "--state", str(state), "service"]
    ran([*program, "install", "--anyway"], PROGRAM_S)
    try:
        well, sentence = scm.state_of()
        assert well, sentence
        qualities = ran(["sc.exe", "qfailure", SERVICE], PROGRAM_S)
        assert qualities.count("2000") == 3, qualities
        first = scm.found()[1]
        ran(["taskkill.exe", "/F", "/PID", str(first)], PROGRAM_S)
        began = time.monotonic()
        while scm.found()[0] != scm.RUNNING or scm.found()[1] in (0, first):
            assert time.monotonic() - began < AGAIN_S, "Windows did not start it again"
            time.sleep(0.2)
        took = time.monotonic() - began
    finally:
        ran([*program, "remove"], PROGRAM_S)
    return f"{sentence}; killed, it ran again after {took:.1f} s; stopped and removed"


def no_ordinary_user_can_change_it(folder: Path) -> str:
    """`fireline-endpoint check` on the access lists of this Python and this clone (told only)"""
    from endpoint_shim import changers

    found = changers.found(changers.program())
    return "only administrators" if not found else "; ".join(found[:3])


def the_exe_is_built(folder: Path) -> str:
    """tools/windows_exe.py: one folder, which starts without a Python"""
    try:
        import PyInstaller  # noqa: F401
    except ImportError:
        raise NotHere("PyInstaller is not installed") from None
    words = [str(ROOT / "tools/windows_exe.py"), str(folder / "dist"), str(folder / "work")]
    ran([sys.executable, *words], EXE_S)
    exe = folder / "dist" / SERVICE / f"{SERVICE}.exe"
    version = ran([str(exe), "--version"], PROGRAM_S).strip()
    size = sum(one.stat().st_size for one in exe.parent.rglob("*") if one.is_file())
    return f"version {version}, {size // 1_000_000} MB in {exe.parent.name}"


PARTS: tuple[Callable[[Path], str], ...] = (
    windows_itself,
    the_tests_inside,
    links_are_not_followed,
    folders_of_the_shim_are_private,
    a_real_powershell_runs,
    the_service_lives,
    no_ordinary_user_can_change_it,
    the_exe_is_built,
    *windows_collected.PARTS,
    *windows_contained.PARTS,
)


def main() -> int:
    known = (*PARTS, *windows_contained.ASKED)
    wanted = [part for part in known if part.__name__ in sys.argv[1:]] or PARTS
    lines, failed = [], False
    with tempfile.TemporaryDirectory(prefix="fireline-check-", ignore_cleanup_errors=True) as one:
        for part in wanted:
            for word, text in outcome(part, Path(one)):
                failed = failed or word == "FAILED"
                lines.append(f"{word:<8} {text}")
                print(lines[-1], flush=True)
    Path(REPORT).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written to {REPORT}", file=sys.stderr)
    return 1 if failed else 0


def outcome(part: Callable[[Path], str], folder: Path) -> Iterator[tuple[str, str]]:
    """How it ended, and what it said; one part that fails keeps none of the others."""
    about = (part.__doc__ or part.__name__).strip()
    place = folder / part.__name__
    place.mkdir()
    try:
        yield "ok", f"{about}: {part(place)}"
    except NotHere as why:
        yield "not run", f"{about}: {why}"
    except Exception as error:  # a report tells of every failure
        yield "FAILED", f"{about}: {type(error).__name__}: {error}"[:MOST_TOLD]
    finally:
        shutil.rmtree(place, ignore_errors=True)


def denied(path: Path) -> "wire.Policy":
    """A policy that keeps everybody off a path."""
    from endpoint_shim.policy import parse

    return parse(f"off_limits = ['{path}']\n")


def a_state(state: Path) -> Path:
    """A device's identity that no broker knows: enough for a service that runs and dials."""
    import msgspec
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from endpoint_shim import config, durable, private

    private.make_folder(state)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "check")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    certificate = (
        builder.public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    durable.save(state / config.KEY, private_pem)
    for one in (config.CERTIFICATE, config.CA):
        durable.save(state / one, pem)
    identity = config.Identity("check", "check", ["127.0.0.1:1"])
    durable.save(state / config.IDENTITY, msgspec.json.encode(identity))
    return state


if __name__ == "__main__":
    sys.exit(main())
