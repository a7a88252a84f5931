"""`collect` by real ssh: whole, cut off by everybody, going on where its line broke."""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.doors.rig import Ran
from tests.journeys.proxy import Proxy
from tests.journeys.rig import House, Shim, until

pytestmark = pytest.mark.needs("ssh", "sftp", "ssh-keygen", "unzip", "sha256sum")

DEVICE = "collected-01"
RECIPE = """
points:
  - {{folder: Mine, file: first.txt, text: first}}
  - {{folder: Large, copy: ['{large}'], into: .}}
  - folder: Slow
    file: waits.txt
    command: [sh, -c, 'echo begun; read x < {gate}; echo $x']
    limit_s: 300
  - {{folder: Mine, file: last.txt, text: last}}
"""
NAMESPACE = "fireline-package"
MIB = 1 << 20
LARGE = 12 * MIB


class Device:
    """One device whose owner added a recipe with a gate in it."""

    def __init__(self, house: House, shim: Shim, folder: Path, line: Proxy) -> None:
        self.house, self.shim, self.folder, self.line = house, shim, folder, line
        self.large, self.gate = folder / "large.bin", folder / "gate"
        self.large.write_bytes(os.urandom(LARGE))
        os.mkfifo(self.gate)
        recipes = shim.state / "recipes.d"
        recipes.mkdir(mode=0o700)
        text = RECIPE.format(large=self.large, gate=self.gate)
        (recipes / "mine.yaml").write_text(text)
        (recipes / "mine.yaml").chmod(0o600)

    def argv(self, line: str) -> list[str]:
        config = str(self.house.state / "ssh_config")
        return ["ssh", "-T", "-F", config, "fireline", f"on {DEVICE} {line} -comment INC-7"]

    def on(self, line: str) -> Ran:
        return self.client(*self.argv(line))

    def client(self, *argv: str, given: str = "") -> Ran:
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=60)
        return Ran(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def begun(self, line: str) -> "Iterator[subprocess.Popen[str]]":
        """A collection that runs, ended at the latest with the block."""
        process = subprocess.Popen(
            self.argv(line), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def open_gate(self) -> None:
        """Lets the slow data point go on; it waits for whoever reads."""
        with self.gate.open("w") as gate:
            gate.write("opened\n")

    def at_gate(self) -> None:
        """Waits until the slow data point stands at its gate."""
        until("the program at the gate", lambda: self._waiting())

    def _waiting(self) -> bool:
        for worker in self.shim.workers():
            with contextlib.suppress(psutil.Error):
                if any(str(self.gate) in " ".join(p.cmdline()) for p in worker.children()):
                    return True
        return False

    def got(self, where: str, folder: Path) -> Path:
        """What lies at a place of the tree, fetched by sftp."""
        to = folder / where.rpartition("/")[2]
        config = str(self.house.state / "ssh_config")
        ran = self.client(
            "sftp", "-q", "-b", "-", "-F", config, "fireline", given=f'get "{where}" "{to}"\n'
        )
        assert ran.status == 0, ran
        return to


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("collect")
    with House(folder / "h", {"reserve_bytes": MIB, "left_open_s": 1}) as house:
        shim = house.enrol(DEVICE)
        place = shim.state / "identity.json"
        identity = json.loads(place.read_text())
        host, port = identity["dial"][0].rsplit(":", 1)
        with Proxy(int(port)) as line:
            identity["dial"] = [f"{host}:{line.port}"]
            place.write_text(json.dumps(identity))
            house.start_shim(DEVICE)
            yield Device(house, shim, folder, line)


def peak_kib(pid: int) -> int:
    """The most memory that a process has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def members(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as found:
        assert found.testzip() is None
        return found.namelist()


def place(text: str) -> str:
    found = re.search(r"(/packages/\S+\.zip)", text)
    assert found is not None, text
    return found[1]


def test_a_package_comes_whole_and_stock_tools_check_it(device: Device, tmp_path: Path) -> None:
    ran = device.on("collect -only 'Mine, large,Kernel modules'")
    assert ran.status == 0, ran
    package = device.got(place(ran.err), tmp_path)
    assert re.fullmatch(rf"{DEVICE}-\d{{8}}T\d{{6}}Z\.S\d+\.zip", package.name)
    unpacked = tmp_path / "unpacked"
    subprocess.run(["unzip", "-q", "-d", str(unpacked), str(package)], check=True)
    assert (unpacked / "Mine/last.txt").read_text() == "last"
    assert (unpacked / "Large/large.bin").read_bytes() == device.large.read_bytes()
    checked = ["sha256sum", "--strict", "--quiet", "-c", "MANIFEST.sha256"]
    subprocess.run(checked, cwd=unpacked, check=True)
    signers = device.got("/packages/allowed_signers", tmp_path)
    words = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", DEVICE, "-n", NAMESPACE]
    words += ["-s", str(unpacked / "MANIFEST.sha256.sig")]
    for manifest, status in (((unpacked / "MANIFEST.sha256").read_text(), 0), ("other\n", 255)):
        assert device.client(*words, given=manifest).status == status
    told = json.loads((unpacked / "MANIFEST.json").read_text())
    assert abs(told["collected"]["device_ahead_of_broker_ms"]) < 10_000
    assert set(told["recipes"]) == {"linux.yaml", "recipes.d/mine.yaml"}


def test_rows_are_for_programs_too(device: Device) -> None:
    ran = device.on("collect -only Mine -output json")
    rows = json.loads(ran.out)
    assert [row["file"] for row in rows if "status" in row] == ["first.txt", "last.txt"]


def test_a_folder_that_is_none_names_those_there_are(device: Device) -> None:
    ran = device.on("collect -only Minx")
    assert ran.status == 1 and "no such folder; it has Processes, Network connections" in ran.err


def test_cancelled_it_is_a_valid_zip_and_says_where(device: Device, tmp_path: Path) -> None:
    config = str(device.house.state / "ssh_config")
    argv = ["ssh", "-T", "-F", config, "fireline", f"connect {DEVICE}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(argv, text=True, **pipes) as console:  # type: ignore[call-overload]
        console.stdin.write("collect -only Mine,Large,Slow -comment INC-7 &\n")
        console.stdin.flush()
        device.at_gate()
        held = [peak_kib(worker.pid) for worker in device.shim.workers()]
        said, _ = console.communicate("cancel 1\nstatus 1\nexit\n", timeout=60)
    assert "what came is a valid zip" in said, said
    assert 0 < max(held) < 64 * 1024, held
    package = device.got(place(said), tmp_path)
    assert re.search(r"Z\.S\d+\.partial\.zip", package.name)
    *first, last = members(package)
    assert first == ["DataPoints.txt", "Mine/first.txt", "Large/large.bin"]
    row = device.house.rows("actions -type collect")[0]
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    assert row["output"] == f"{place(said)} sha256 {digest}, cut off"
    with zipfile.ZipFile(package) as found:
        text = found.read(last).decode()
    assert "up to data point 2 of 4" in text and "Mine/last.txt" in text


def test_it_goes_on_where_its_line_broke(device: Device, tmp_path: Path) -> None:
    """Cut three times in the middle of the large member; the digests on both sides agree."""
    left, step = 3, device.line.passed + 3 * MIB

    def cut(passed: int) -> None:
        nonlocal left, step
        if left and passed >= step:
            left, step = left - 1, passed + 3 * MIB
            device.line.cut()

    device.line.on_bytes = cut
    try:
        ran = device.on("collect -only Mine,Large")
    finally:
        device.line.on_bytes = lambda passed: None
    assert ran.status == 0 and left == 0, (ran, left)
    package = device.got(place(ran.err), tmp_path)
    assert "MANIFEST.sha256.sig" in members(package)
    with zipfile.ZipFile(package) as found:
        assert found.read("Large/large.bin") == device.large.read_bytes()


def test_a_killed_broker_leaves_a_valid_zip_behind(device: Device) -> None:
    before = set(device.house.home.glob("evidence/S*/*.partial.zip"))
    with device.begun("collect -only Mine,Large,Slow"):
        device.at_gate()
        coming = device.house.home / "evidence" / "incoming"
        half = LARGE // 2
        until("the large member", lambda: any(p.stat().st_size > half for p in coming.iterdir()))
        device.house.kill_broker()
    device.house.start_broker()
    until(
        "the device's line",
        lambda: (
            '"online":true'
            in device.client(
                "ssh",
                "-F",
                str(device.house.state / "ssh_config"),
                "fireline",
                "devices -output json",
            ).out.replace(" ", "")
        ),
    )
    kept = set(device.house.home.glob("evidence/S*/*.partial.zip"))
    (package,) = kept - before
    row = device.house.rows("actions -type collect")[0]
    named = f"{package.name.removesuffix('.partial.zip')}.{package.parent.name}.partial.zip"
    assert (row["state"], row["output"]) == ("Failed", f"/packages/{named}, cut off")
    assert members(package)[:2] == ["DataPoints.txt", "Mine/first.txt"]
    assert members(package)[-1] == "INCOMPLETE.txt"
    verified = device.client(
        "ssh",
        "-F",
        str(device.house.state / "ssh_config"),
        "fireline-auditor",
        f"verify {package.parent.name}",
    )
    assert verified.status == 0, verified


def test_the_devices_own_policy_can_deny_it(device: Device) -> None:
    policy = device.shim.state / "policy.toml"
    policy.write_text('deny = ["collect"]\n')
    policy.chmod(0o600)
    try:
        ran = device.on("collect")
    finally:
        policy.unlink()
    until("the policy to be gone", lambda: "own policy" not in device.on("collect -only x").err)
    # The broker refuses it once the device has told it; until then the device itself does.
    assert ran.status in (1, 3) and f"collect on {DEVICE} by its own policy" in ran.err


def test_who_only_reads_may_not(device: Device) -> None:
    config = str(device.house.state / "ssh_config")
    ran = device.client("ssh", "-F", config, "fireline-basic", f"on {DEVICE} collect")
    assert ran.status == 3, ran


def test_packages_are_listed_for_who_may_see_them_alone(device: Device, tmp_path: Path) -> None:
    config = str(device.house.state / "ssh_config")
    ran = device.on("collect -only Mine")
    name = place(ran.err).rpartition("/")[2]

    def listed(host: str) -> set[str]:
        words = ["sftp", "-q", "-b", "-", "-F", config, host]
        ran = device.client(*words, given="ls -1 /packages\n")
        assert ran.status == 0, ran
        return set(re.findall(r"^(?:/packages/)?(\S+)\s*$", ran.out, re.MULTILINE))

    assert {name, "allowed_signers"} <= listed("fireline")
    assert listed("fireline-auditor") >= {name}  # who may replay sees it
    assert listed("fireline-basic") == {"allowed_signers"}
    words = ["sftp", "-q", "-b", "-", "-F", config, "fireline-basic"]
    assert device.client(*words, given=f"get /packages/{name} {tmp_path}/x\n").status == 1
    taken = tmp_path / name.replace(re.search(r"\.S\d+", name)[0], "")  # type: ignore[index]
    taken.write_bytes(b"no package")
    ran = device.client(*device.argv(f"getfile {taken}"))
    assert ran.status == 0, ran
    evidence = re.search(r"/evidence/(S\d+)/(\S+)\.zip", ran.out)
    assert evidence is not None
    fake = f"{evidence[2]}.{evidence[1]}.zip"
    assert fake not in listed("fireline")
    ask = ["sftp", "-q", "-b", "-", "-F", config, "fireline"]
    assert device.client(*ask, given=f"get /packages/{fake} {tmp_path}/y\n").status == 1


def test_a_second_collection_while_one_runs_is_the_first_one(device: Device) -> None:
    with device.begun("collect -only Mine,Slow") as first:
        device.at_gate()
        with device.begun("collect -only Mine,Slow") as second:
            assert second.stderr is not None
            said = second.stderr.readline()  # it has joined before the first may end
            device.open_gate()
            ends = [
                (one.wait(60), one.stderr.read() if one.stderr else "") for one in (first, second)
            ]
            assert [status for status, _ in ends] == [0, 0], (said, ends)
    assert "is open already: collect -only Mine,Slow" in said, said


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_member_of_more_than_two_gib_and_one_that_may_not_be_read(
    device: Device, tmp_path: Path
) -> None:
    """Field report zip-2gb."""
    folder = tmp_path / "vast"
    folder.mkdir()
    for name in ("a", "closed", "small"):
        (folder / name).write_text(name)
    with (folder / "a").open("r+b") as file:
        file.truncate(2_362_232_013)
    recipe = device.shim.state / "recipes.d" / "vast.yaml"
    recipe.write_text(f"points: [{{folder: Vast, copy: ['{folder}/*'], into: .}}]")
    recipe.chmod(0o600)
    policy = device.shim.state / "policy.toml"
    policy.write_text(f'off_limits = ["{folder}/closed"]\n')
    policy.chmod(0o600)
    held = 0
    try:
        with device.begun("collect -only Vast -output json") as running:
            while running.poll() is None:
                for worker in device.shim.workers():
                    with contextlib.suppress(OSError, IndexError):
                        held = max(held, peak_kib(worker.pid))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    running.wait(0.2)
            out, err = running.communicate()
    finally:
        recipe.unlink()
        policy.unlink()
    states = {row["file"]: row["status"] for row in json.loads(out)}
    assert states == {"a": "done", "closed": "refused", "small": "done"}
    assert 0 < held < 64 * 1024
    with zipfile.ZipFile(device.got(place(err), tmp_path)) as package:
        assert package.testzip() is None
        assert package.getinfo("Vast/a").file_size == 2_362_232_013
