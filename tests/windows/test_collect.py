"""`collect` on Windows by a stock ssh client: Defender's folders, files and messages.

What Wine's own programs do not print, a double (doubles/prints.c) does: a file's bytes, as a German
machine has them.
"""

import csv
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.windows import doubles
from tests.windows.live import Live
from tests.windows.rig.build import CC

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
    pytest.mark.timeout(400),
]

LONG_S = 200
"""In Wine a list of sockets takes a minute where the machine has thousands of them."""
SYSTEM = "C:\\windows\\system32"
MISSING = b"ERROR: The system was unable to find the specified registry key or value.\r\n"
FOLDERS = {
    "Autoruns", "Installed programs", "Network connections", "Prefetch files", "Processes",
    "Scheduled tasks", "Security event log", "Services",
    "Windows Server Message Block (SMB) sessions", "System Information", "Temp Directories",
}  # fmt: skip
FILES = [
    *("Network connections/ActiveNetConnections.txt", "Network connections/Arp.txt"),
    *("Network connections/IpConfig.txt", "Network connections/DnsCache.txt"),
    *("Network connections/FirewallExecutionLog.txt", "Network connections/pfirewall.log"),
    *("Prefetch files/PrefetchFilesList.txt", "Prefetch files/Prefetch folder/A.EXE-1.pf"),
    *("Processes/Processes.csv", "Scheduled tasks/ScheduledTasks.csv", "Services/Services.csv"),
    *("Security event log/Security.evtx", "System Information/SystemInformation.txt"),
    "Windows Server Message Block (SMB) sessions/SMBInboundSessions.txt",
    *("CollectionSummaryReport.xls", "CollectionSummaryReport.csv", "MANIFEST.sha256.sig"),
]


SCHTASKS = (
    '"Hostname","Aufgabenname","Nächste Laufzeit","Status"\r\n"PC-1","\\Prüfung","N/V","Bereit"\r\n'
)
NETSTAT = (
    "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse   Remoteadresse   Status     PID\r\n"
    "  TCP    0.0.0.0:135      0.0.0.0:0       ABHÖREN    900\r\n"
)
TASK = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
 <RegistrationInfo><Author>somebody</Author></RegistrationInfo>
 <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
 <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><LogonType>S4U</LogonType>
 </Principal></Principals>
 <Actions><Exec><Command>C:\\Windows\\notepad.exe</Command><Arguments>/x "a b"</Arguments></Exec>
 </Actions>
</Task>
"""


PUT = {
    f"{SYSTEM}\\LogFiles\\Firewall\\pfirewall.log": b"#Version: 1.5\r\n",
    "C:\\windows\\Prefetch\\A.EXE-1.pf": b"MAM\x04x",
    f"{SYSTEM}\\Tasks\\S4U": b"\xff\xfe" + TASK.encode("utf-16-le"),
    f"{SYSTEM}\\Tasks\\damaged": b"\xff\xfe<\0T\0a\0",
    f"{SYSTEM}\\systeminfo.exe.txt": "Hostname: Größe\r\n".encode("cp850"),
    f"{SYSTEM}\\schtasks.exe.txt": SCHTASKS.encode("cp850"),
    f"{SYSTEM}\\netstat.exe.txt": NETSTAT.encode("cp850"),
    f"{SYSTEM}\\wevtutil.exe.txt": b"ElfFile\0 exported",
}
DOUBLED = [path[:-4] for path in PUT if path.endswith(".exe.txt")]
WINE = "HKCU\\Software\\Wine\\DllOverrides"


def ran(live: Live, name: str, *lines: str) -> None:
    """Lines of a batch file on the device."""
    live.ssh(f"library add {name}", "".join(f"@{line}\r\n" for line in lines).encode())
    done = live.on(f"run {name}")
    assert done.status == 0, done.err


@pytest.fixture(scope="module")
def device(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The device with what a package is to find on it; Wine's own programs are back after it."""
    folder = tmp_path_factory.mktemp("collect")
    source = Path(doubles.__file__).parent / "prints.c"
    words = [*CC, *doubles.OPTIONS, "-municode", "-o", str(folder / "prints.exe"), str(source)]
    subprocess.run(words, check=True)
    for number, data in enumerate(PUT.values()):
        (folder / str(number)).write_bytes(data)
    ran(live, "collect-before.cmd", "if not exist C:\\put mkdir C:\\put")
    there = f"/devices/{live.device}/C/put"
    put = live.sftp(*(f'put "{path}" "{there}/{path.name}"' for path in sorted(folder.iterdir())))
    assert put.status == 0, put.err
    lines = [
        f'if not exist "{path}" mkdir "{path}"' for path in {p.rpartition("\\")[0] for p in PUT}
    ]
    lines += [f'copy /y C:\\put\\{n} "{path}" >nul' for n, path in enumerate(PUT)]
    for path in DOUBLED:
        name = path.rpartition("\\")[2]
        lines.append(f'if not exist "C:\\put\\{name}" copy /y "{path}" "C:\\put\\{name}" >nul')
        lines.append(f'copy /y C:\\put\\prints.exe "{path}" >nul')
        lines.append(f'reg add "{WINE}" /v {name} /d native /f >nul')
    ran(live, "collect-put.cmd", *lines)
    yield live
    lines = []
    for path in DOUBLED:
        name = path.rpartition("\\")[2]
        lines.append(f'copy /y "C:\\put\\{name}" "{path}" >nul')
        lines.append(f'reg delete "{WINE}" /v {name} /f >nul')
    ran(live, "collect-after.cmd", *lines)


@pytest.fixture(scope="module")
def package(device: Live, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    config = ["-F", str(device.state / "ssh_config")]
    words = ["ssh", *config, "-T", "fireline", f"on {device.device} collect -comment INC-7"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=LONG_S)
    place = re.search(r"(/packages/\S+\.zip)", ran.stderr)
    assert ran.returncode == 0 and place is not None, ran.stderr
    to = tmp_path_factory.mktemp("package") / "package.zip"
    got = device.sftp(f'get "{place[1]}" "{to}"')
    assert got.status == 0, got.err
    found = zipfile.ZipFile(to)
    assert found.testzip() is None
    return found


def rows(package: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    text = package.read(name).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_it_has_defenders_folders_files_and_messages(package: zipfile.ZipFile) -> None:
    names = package.namelist()
    assert {name.partition("/")[0] for name in names if "/" in name} >= FOLDERS
    assert set(FILES) <= set(names)
    autoruns = {name: package.read(name) for name in names if name.startswith("Autoruns/")}
    assert len(autoruns) > 100
    assert MISSING in autoruns.values()
    assert any(b"HKEY_LOCAL_MACHINE\\" in data for data in autoruns.values())
    listed = package.read("Prefetch files/PrefetchFilesList.txt").decode()
    assert "C:\\windows\\Prefetch\\A.EXE-1.pf: done, 5 bytes\r\n" in listed
    temp = [package.read(n).decode() for n in names if n.startswith("Temp Directories/")]
    assert any("The system cannot find the path specified" in text for text in temp) or temp


def test_raw_output_keeps_its_bytes_and_its_page(package: zipfile.ZipFile) -> None:
    """Field reports schtasks-lang and netstat-lang: our rows do not come from that text."""
    raw = package.read("Network connections/ActiveNetConnections.txt")
    assert "ABHÖREN".encode("cp850") in raw
    told = json.loads(package.read("MANIFEST.json"))
    members = {one["name"]: one for one in told["members"]}
    assert members["Network connections/ActiveNetConnections.txt"]["code_page"].startswith("cp")
    states = {
        row["status"] for row in rows(package, "Network connections/ActiveNetConnections.csv")
    }
    assert states <= {"listen", "established", "close_wait", "time_wait", "", "none", "syn_sent"}
    assert package.read("Scheduled tasks/As schtasks has them.csv") == SCHTASKS.encode("cp850")


def test_tasks_come_from_their_files_and_a_damaged_one_spoils_no_other(
    package: zipfile.ZipFile,
) -> None:
    found = {row["path"]: row for row in rows(package, "Scheduled tasks/ScheduledTasks.csv")}
    assert found["\\S4U"]["logon_type"] == "S4U" and found["\\S4U"]["enabled"] == "yes"
    assert found["\\S4U"]["actions"] == 'C:\\Windows\\notepad.exe /x "a b"'
    assert "no task" in found["\\damaged"]["error"]
    assert f"Scheduled tasks/C/windows/{'System32'}/Tasks/S4U".lower() in {
        name.lower() for name in package.namelist()
    }


def test_the_summary_tells_what_wine_lacks(package: zipfile.ZipFile) -> None:
    summary = {row["file"]: row for row in rows(package, "CollectionSummaryReport.csv")}
    assert summary["SMBOutboundSession.txt"]["status"] in ("failed", "timed out")
    assert summary["Security.evtx"]["status"] == "done"
    assert package.read("Security event log/Security.evtx") == b"ElfFile\0 exported"
