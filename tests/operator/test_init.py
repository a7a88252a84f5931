"""A new state folder: private, whole or not there, and its hints in access.yaml are true."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from commands.language.errors import Refused
from server.config import load
from server.identity.access_file import declared_words, load_access_file, parse_access_file
from server.operator.init import make_state
from tests.doors.rig import make_key


def made(state: Path) -> str:
    return make_state(
        state, host="127.0.0.1", ssh=1, devices=2, enrolment=3, names=["broker.example.org", "::1"]
    )


def test_a_new_folder_is_private_and_says_what_was_asked(tmp_path: Path) -> None:
    assert made(tmp_path / "state").startswith("SHA256:")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    for path in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    config = load(tmp_path / "state")
    assert (config.ssh_port, config.device_port, config.enrolment_port) == (1, 2, 3)
    assert config.names == ("broker.example.org", "::1")


def test_a_folder_that_is_one_already_is_left_alone(tmp_path: Path) -> None:
    made(tmp_path / "state")
    before = {path: path.read_bytes() for path in (tmp_path / "state").iterdir()}
    with pytest.raises(Refused, match="serve starts it"):
        made(tmp_path / "state")
    assert {path: path.read_bytes() for path in (tmp_path / "state").iterdir()} == before


def test_its_first_rules_are_good_with_every_hint_put_into_force(tmp_path: Path) -> None:
    made(tmp_path / "state")
    given = load_access_file(tmp_path / "state" / "access.yaml", declared_words())
    assert [rule.role for rule in given.rules] == ["operator"]
    key = make_key(tmp_path, "alice")
    lines = (tmp_path / "state" / "access.yaml").read_text().splitlines()
    hints = [line.replace("# ", "", 1) for line in lines if not re.search("# [A-Z]", line)]
    text = "\n".join(hints).replace("ssh-ed25519 AAAA… alice@laptop", key)
    full = parse_access_file("access.yaml", f"{text}\n".encode(), declared_words())
    assert [rule.role for rule in full.rules] == ["operator", "auditor", "advanced"]


def test_the_state_folder_is_named_before_the_word_or_after_it(tmp_path: Path) -> None:
    def fireline(*words: str) -> tuple[int, str]:
        line = [sys.executable, "-I", "-m", "server", *words]
        ran = subprocess.run(line, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout + ran.stderr

    after, before = tmp_path / "after", tmp_path / "before"
    for folder, words in (
        (after, ("init", "--state", str(after))),
        (before, (f"--state={before}", "init")),
    ):
        assert fireline(*words)[0] == 0
        assert stat.S_IMODE((folder / "access.yaml").stat().st_mode) == 0o600
    assert fireline("serve", "--state", str(tmp_path / "none"))[1].count(str(tmp_path / "none"))
    for words in (("--state", str(after), "devices"), (f"--state={after}", "devices")):
        status, told = fireline(*words)
        assert status == 4 and told.startswith(f"unreachable: no broker answers at {after}/")
