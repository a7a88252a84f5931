"""The unit of systemd: what `systemd-analyze` says of it, and what install and remove do."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from commands.language.errors import Failed, Refused
from commands.language.wire_contain import Restricted
from endpoint_shim.guard_state import Force, Kept
from endpoint_shim.linux import service
from endpoint_shim.service import act
from tests.endpoint_shim.authority import Authority

needs_analyze = pytest.mark.needs("systemd-analyze")
MOST_EXPOSED = 9.3
"""Of 10; what a live-response shim cannot give up stands in the unit, with what it is for."""


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def read(text: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string(text)
    return found


@needs_analyze
@pytest.mark.parametrize("name", [service.UNIT, service.CONTAIN, service.AGAIN])
def test_systemd_finds_nothing_wrong_with_the_unit(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    place.write_text(service.unit(tmp_path / "a state %h $HOME", name))
    done = analyzed("verify", "--man=no", str(place))
    told = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
    assert told == []


@needs_analyze
def test_systemd_would_find_a_mistake_in_it(tmp_path: Path) -> None:
    place = tmp_path / service.UNIT
    place.write_text(service.unit(tmp_path))
    place.write_text(place.read_text().replace("Delegate=yes", "Delegat=yes"))
    assert "Delegat" in analyzed("verify", "--man=no", str(place)).stderr


@needs_analyze
def test_the_unit_is_less_exposed_than_one_without_its_hardening(tmp_path: Path) -> None:
    (tmp_path / "bare.service").write_text("[Service]\nExecStart=/bin/true\n")
    (tmp_path / service.UNIT).write_text(service.unit(Path("/var/lib/fireline-endpoint")))
    bare, ours = (
        exposure(analyzed("security", "--offline=true", str(tmp_path / name)).stdout)
        for name in ("bare.service", service.UNIT)
    )
    assert ours <= MOST_EXPOSED < bare


def exposure(said: str) -> float:
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def test_the_unit_starts_this_program_isolated_and_delegates_its_cgroup() -> None:
    found = read(service.unit(Path("/srv/a b%c")))["Service"]
    words = f'"{sys.executable}" "-I" "-m" "endpoint_shim" "--state" "/srv/a b%%c" "run"'
    assert found["ExecStart"] == words
    assert (found["Delegate"], found["Restart"], found["RestartSec"]) == ("yes", "always", "2")


def test_an_isolated_device_is_isolated_before_its_network_is_up() -> None:
    found = read(service.unit(Path("/srv/a b"), service.CONTAIN))
    assert found["Service"]["ExecStart"].endswith('"--state" "/srv/a b" "contain"')
    unit = found["Unit"]
    assert unit["DefaultDependencies"] == "no"
    first = {"sysinit.target", "network-pre.target", "cloud-init-local.service"}
    assert first <= set(unit["Before"].split())
    again = read(service.unit(Path("/srv/a b"), service.AGAIN))
    assert again["Service"]["ExecStart"].endswith('nft" "-f" "/srv/a b/isolation.nft"')
    assert again["Unit"]["ConditionFileNotEmpty"] == "/srv/a b/isolation.nft"
    # That one begins with `flush ruleset`, and its unit may be early or late.
    assert "nftables.service" in again["Unit"]["After"]
    assert again["Unit"]["Before"] == "network-pre.target shutdown.target"


def test_install_writes_the_unit_whole_and_remove_takes_it_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where systemd runs the host, its own would be asked of a unit that is not in its folders.
    monkeypatch.setattr(service, "RUNNING", tmp_path / "none")
    state = Authority().enrol(tmp_path / "state", "127.0.0.1:1")
    said = service.install(state, tmp_path)
    assert said.endswith("systemd does not run here, so nothing was started")
    assert (tmp_path / service.UNIT).read_text() == service.unit(state)
    assert (tmp_path / service.CONTAIN).read_text() == service.unit(state, service.CONTAIN)
    assert [one.name for one in tmp_path.iterdir() if "new" in one.name] == []
    assert service.state_of(tmp_path)[1].endswith("but systemd does not run here")
    service.remove(tmp_path)
    assert not (tmp_path / service.UNIT).exists() and (state / "key.pem").exists()
    assert list(tmp_path.glob("*.service")) == []
    with pytest.raises(Failed, match="nothing to remove"):
        service.remove(tmp_path)


def test_a_host_without_systemds_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="takes root, on a host that systemd runs"):
        service.install(tmp_path, tmp_path / "none")


def test_the_program_prints_the_unit_and_refuses_a_device_without_an_identity(
    tmp_path: Path,
) -> None:
    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-I", "-m", "endpoint_shim", "--state", str(tmp_path)]
        return subprocess.run(
            [*program, "service", *words], capture_output=True, text=True, timeout=30, check=False
        )

    printed = ran("unit")
    assert printed.returncode == 0 and read(printed.stdout)["Install"]["WantedBy"]
    refused = ran("install")
    assert refused.returncode != 0 and "fireline-endpoint enroll" in refused.stderr
    assert ran("run").returncode == 2


def test_what_others_can_change_becomes_no_service(tmp_path: Path) -> None:
    state = Authority().enrol(tmp_path / "state", "127.0.0.1:1")
    (state / "kept").mkdir(mode=0o777)
    (state / "kept").chmod(0o777)
    with pytest.raises(Refused, match="state/kept can be written by others; .*or --anyway"):
        act("install", state)


@pytest.mark.needs("systemctl")
def test_a_systemctl_that_refuses_is_told_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RUNNING", tmp_path)
    with pytest.raises(Failed, match=r"systemctl (show|daemon-reload|enable) ended with \d+: "):
        service.install(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("kept", "so"),
    [
        (Kept(restriction=Restricted(generation=1, on=True)), "restricted"),
        (Kept(force=Force(generation=1, scope="full")), "isolated"),
    ],
)
def test_a_contained_device_keeps_its_service(tmp_path: Path, kept: Kept, so: str) -> None:
    (tmp_path / "contained.json").write_bytes(msgspec.json.encode(kept))
    with pytest.raises(Refused, match=f"this device is {so}, which nothing could end"):
        act("remove", tmp_path)
