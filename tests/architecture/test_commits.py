"""Tracked files and commit messages name no machine of ours and no registry's host."""

import re
import subprocess

import pytest

from tests.architecture.sources import ROOT

# Written so that this file does not hold what it looks for.
FOREIGN = re.compile(
    r"/work/(?:main|shared|peers|\.library|\.mirror)\b|/tmp/(?:seams|devenv|bash_jobs)\b"
    r"|/root/\.pyenv|(?:files\.)?python[h]osted\.org|\bpypi\.or[g]\b|deb\.debian\.or[g]"
    r"|registry\.npmjs\.or[g]|proxy\.golang\.or[g]"
)
TEXT = (".py", ".md", ".toml", ".txt", ".in", ".sh", ".yaml", ".yml", ".c", ".json", "", ".bash")


def foreign(text: str) -> list[str]:
    return [line[:120] for line in text.splitlines() if FOREIGN.search(line)]


def git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.needs("git")
def test_tracked_files_name_no_machine_and_no_registry() -> None:
    found = []
    for name in git("ls-files", "-z").split("\0"):
        file = ROOT / name
        if file.is_file() and file.suffix in TEXT:
            found += [f"{name}: {line}" for line in foreign(file.read_text(errors="replace"))]
    assert found == []


@pytest.mark.needs("git")
def test_commit_messages_name_no_machine_and_no_registry() -> None:
    assert foreign(git("log", "--format=%B")) == []


def test_planted_places_are_seen() -> None:
    assert foreign("see " + "/work" + "/main/x.py")
    assert foreign("--index-url https://" + "pypi." + "org/simple")
    assert not foreign("network/work/mainly")
