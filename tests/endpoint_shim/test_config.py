"""The state folder: whole, and private."""

from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from endpoint_shim import config
from tests.endpoint_shim.authority import Authority


@pytest.fixture
def state(authority: Authority, tmp_path: Path) -> Path:
    return authority.enrol(tmp_path / "state", "127.0.0.1:1")


def test_an_enrolled_folder_says_who_this_device_is(state: Path) -> None:
    found = config.load(state)
    assert found.identity == config.Identity("d1", "web-01", ["127.0.0.1:1"])
    assert found.policy == state / "policy.toml"


def test_a_folder_without_an_identity_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="fireline-endpoint enroll"):
        config.load(tmp_path)


@pytest.mark.parametrize("name", ["", "key.pem", "device.pem", "ca.pem", "identity.json"])
def test_what_others_can_read_is_refused(state: Path, name: str) -> None:
    (state / name).chmod(0o755 if name == "" else 0o640)
    with pytest.raises(Refused, match="open to others"):
        config.load(state)


def test_a_key_that_is_a_link_is_refused(state: Path, tmp_path: Path) -> None:
    (state / "key.pem").rename(tmp_path / "key.pem")
    (state / "key.pem").symlink_to(tmp_path / "key.pem")
    with pytest.raises(Refused, match="is a link"):
        config.load(state)


def test_settings_are_read_and_an_unknown_one_is_refused(state: Path) -> None:
    settings = state / "shim.toml"
    settings.write_text('policy = "/etc/fireline/policy.toml"\n')
    settings.chmod(0o600)
    assert config.load(state).policy == Path("/etc/fireline/policy.toml")
    settings.write_text("polcy = 1\n")
    with pytest.raises(Refused, match="polcy"):
        config.load(state)


def test_a_damaged_identity_names_the_remedy(state: Path) -> None:
    (state / "identity.json").write_text("{}")
    with pytest.raises(Failed, match="enrol this device again"):
        config.load(state)
