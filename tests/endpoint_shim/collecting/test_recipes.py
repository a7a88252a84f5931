"""Recipes: what ships is whole, the owner's are added, a mistake is named and stops nothing."""

import os
from pathlib import Path

import pytest

from endpoint_shim.collecting import recipes
from endpoint_shim.collecting.recipes import SHIPPED, Point, load, parse

POINT = "points:\n  - {folder: Mine, file: a.txt, command: [uname]}\n"
WINDOWS = {
    "Autoruns", "Installed programs", "Network connections", "Prefetch files", "Processes",
    "Scheduled tasks", "Security event log", "Services",
    "Windows Server Message Block (SMB) sessions", "System Information", "Temp Directories",
    "Users and Groups", "WdSupportLogs",
}  # fmt: skip
FILES = {
    "ActiveNetConnections.txt", "Arp.txt", "DnsCache.txt", "IpConfig.txt",
    "FirewallExecutionLog.txt", "PrefetchFilesList.txt", "SystemInformation.txt",
    "SMBInboundSessions.txt", "SMBOutboundSession.txt", "MpCmdRunLog.txt", "InstalledPrograms.csv",
    "Processes.csv", "ScheduledTasks.csv", "Services.csv", "Security.evtx",
}  # fmt: skip
MISSING = "ERROR: The system was unable to find the specified registry key or value."
LINUX = {
    "Disk volumes", "Open files", "Kernel modules", "Network connections", "Processes",
    "Services and timers", "System information", "Users and groups", "Shell histories",
    "Autostart places", "Packages", "Logs", "Temp directories",
}  # fmt: skip


def points(platform: str) -> list[Point]:
    return list(parse((SHIPPED / f"{platform}.yaml").read_bytes()).points)


def mine(state: Path, text: str, name: str = "own.yaml") -> Path:
    folder = state / recipes.FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_windows_has_every_folder_file_and_message_of_defenders_package() -> None:
    found = points("windows")
    assert {point.folder for point in found} == WINDOWS
    assert {point.file for point in found} >= FILES
    (autoruns,) = (point for point in found if point.folder == "Autoruns")
    assert autoruns.missing == MISSING and len(autoruns.registry) > 100
    assert len(set(autoruns.registry)) == len(autoruns.registry)
    (cab,) = (point for point in found if point.named)
    assert (cab.folder, cab.named) == ("WdSupportLogs", "MPSupportFiles.cab") and cab.since


def test_linux_has_every_folder() -> None:
    assert {point.folder for point in points("linux")} == LINUX


def test_the_owners_recipes_follow_what_ships(tmp_path: Path) -> None:
    shipped = len(load(tmp_path).points)
    mine(tmp_path, POINT)
    found = load(tmp_path)
    assert found.points[shipped:] == [Point(folder="Mine", file="a.txt", command=["uname"])]
    assert set(found.read) == {f"{recipes.PLATFORM}.yaml", "recipes.d/own.yaml"}
    assert found.unusable == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("points: [", "did not find expected node content"),
        ("points: [{folder: x, file: y}]", "has one of command, copy"),
        ("points: [{folder: x, file: y, text: a, rows: b}]", "this one has 2"),
        ("points: [{folder: x, text: a}]", "has a file"),
        ("points: [{folder: x, file: y, command: [], also: [[a]], text: b}]", "follow a command"),
        ("points: [{folder: x, file: y, command: [a], also: [[]]}]", "has a program"),
        ("points: [{folder: x, file: y, commnad: [a]}]", "`data point 1`; docs/collect.md has"),
        ("points: [{folder: x, file: y, command: [a, 6]}]", "got `int` - at `data point 1.command"),
        ("points: [{folder: x, file: y, command: [a, no]}]", "such a word is written in quotes"),
        ("points: [{folder: x, file: y, command: ls -l}]", "a list is written [one, two]"),
        ("- {folder: x, file: y, text: z}", "a recipe begins with `points:`"),
        ("points: [{folder: x, text: a}]", "- at data point 1 (x)"),
        ("a: &x [1]\npoints: [*x]", "line 1: anchors are not taken"),
        ("!!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("points: 7", "Expected `array`"),
    ],
)
def test_a_mistake_is_named_and_the_rest_counts(tmp_path: Path, text: str, why: str) -> None:
    mine(tmp_path, text)
    mine(tmp_path, POINT, "z.yml")
    found = load(tmp_path)
    assert why in found.unusable["recipes.d/own.yaml"]
    assert found.points[-1].folder == "Mine"


def test_a_recipe_that_others_can_write_does_not_count(tmp_path: Path) -> None:
    mine(tmp_path, POINT).chmod(0o622)
    target = mine(tmp_path, POINT, "target.txt")
    (tmp_path / recipes.FOLDER / "link.yaml").symlink_to(target)
    os.mkfifo(tmp_path / recipes.FOLDER / "pipe.yaml.not")
    found = load(tmp_path)
    assert "others can write it (mode 622)" in found.unusable["recipes.d/own.yaml"]
    assert found.unusable["recipes.d/link.yaml"] == "it is a link; a recipe is a plain file"
    assert all(point.folder != "Mine" for point in found.points)
