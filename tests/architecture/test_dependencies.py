"""docs/dependencies.md gives the reason for every package we ask for by name, and no other."""

import re
import tomllib

from tests.architecture.sources import ROOT

LOCKS = ("requirements/lock.txt", "requirements/server.txt")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(pyproject: str) -> set[str]:
    project = tomllib.loads(pyproject)
    lines = list(project["project"]["dependencies"]) + list(project["build-system"]["requires"])
    for extra in project["project"]["optional-dependencies"].values():
        lines += extra
    return {plain(match[0]) for line in lines if (match := re.match(r"[\w.-]+", line))}


def explained(document: str) -> set[str]:
    return {plain(name) for name in re.findall(r"^\| `([\w.-]+)` \|", document, re.MULTILINE)}


def without_hash_or_with_a_place(lock: str) -> list[str]:
    """Entries of a lock that are not just name, version and hashes."""
    entries = re.sub(r"\\\n", " ", lock).splitlines()
    good = re.compile(r"[\w.-]+==[\w.]+( ; [^\\]+)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    return [entry[:80] for entry in entries if entry and not good.fullmatch(entry)]


def locked(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))


def test_every_direct_dependency_has_its_line() -> None:
    document = (ROOT / "docs/dependencies.md").read_text()
    assert explained(document) == asked_for((ROOT / "pyproject.toml").read_text())


def test_locks_hold_names_versions_and_hashes_only() -> None:
    for name in LOCKS:
        assert without_hash_or_with_a_place((ROOT / name).read_text()) == []


def test_the_lock_holds_every_direct_dependency() -> None:
    wanted = asked_for((ROOT / "pyproject.toml").read_text())
    assert wanted - {plain(name) for name in locked((ROOT / LOCKS[0]).read_text())} == set()


def test_the_brokers_lock_is_a_part_of_the_whole_lock() -> None:
    whole, part = (locked((ROOT / name).read_text()) for name in LOCKS)
    assert part.items() <= whole.items()


def test_planted_omissions_are_seen() -> None:
    pyproject = """
[build-system]
requires = ["hatchling"]
[project]
dependencies = ["msgspec>=0.2"]
[project.optional-dependencies]
dev = ["types-PyYAML"]
"""
    assert asked_for(pyproject) == {"hatchling", "msgspec", "types-pyyaml"}
    assert explained("| `msgspec` | wire |\n| nothing |\n") == {"msgspec"}
    digest = "a" * 64
    assert without_hash_or_with_a_place(f"x==1 \\\n    --hash=sha256:{digest}\n") == []
    assert without_hash_or_with_a_place("x==1\n")
    assert without_hash_or_with_a_place(f"--index-url somewhere\nx==1 --hash=sha256:{digest}\n")
    assert without_hash_or_with_a_place("./wheels/x.whl\n")
