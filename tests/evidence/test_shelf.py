"""Whose evidence one may see, and that only plain files of a session's folder are evidence."""

import os
from pathlib import Path

import msgspec
import pytest

from server.audit.journal import Journal
from server.audit.records import SessionOpened
from server.audit.session import SessionJournal
from server.evidence.shelf import Shelf
from server.identity.access_file import declared_words, parse_access_file
from server.identity.rules import Rules
from server.live.inventory import Device, Inventory

RULES = """\
people:
  alice: {accounts: [a]}
  bob: {accounts: [b]}
  carol: {accounts: [c]}
  dave: {accounts: [d]}
rules:
  - {name: one, people: [alice], role: advanced, devices: [web-02]}
  - {name: two, people: [bob], role: basic, devices: all}
  - {name: three, people: [carol], role: auditor, devices: ["tag:web"]}
  - {name: four, people: [dave], role: auditor, devices: [other]}
"""
NO_GETFILE = RULES.replace("devices: [web-02]", "devices: [web-02], deny: [getfile]")


def rules(text: str = RULES) -> Rules:
    return parse_access_file("access.yaml", text.encode(), declared_words())


@pytest.fixture
def shelf(journal: Journal) -> Shelf:
    inventory = Inventory()
    inventory.add(Device("d1", "web-02", ("web",)), ())
    return Shelf(journal, rules, inventory)


@pytest.mark.parametrize(
    ("person", "sees"),
    [("alice", True), ("bob", False), ("carol", True), ("dave", False), ("nobody", False)],
)
async def test_a_session_is_its_owners_and_its_devices_auditors(
    shelf: Shelf, session: SessionJournal, person: str, sees: bool
) -> None:
    assert await shelf.may_see(person, session.id) is sees


async def test_who_may_not_getfile_any_more_does_not_read_what_he_took(
    journal: Journal, session: SessionJournal, shelf: Shelf
) -> None:
    inventory = Inventory()
    inventory.add(Device("d1", "web-02", ("web",)), ())
    later = Shelf(journal, lambda: rules(NO_GETFILE), inventory)
    assert not await later.may_see("alice", session.id)
    assert await shelf.may_see("alice", session.id)


async def test_a_desk_session_has_no_evidence(
    journal: Journal, opened: SessionOpened, shelf: Shelf
) -> None:
    desk = await journal.open_session(msgspec.structs.replace(opened, device_id="", device="-"))
    assert not await shelf.may_see("alice", desk.id)


@pytest.mark.parametrize("name", ["S99", "S0", "s1", "../S1", "S1/", "", "incoming", "S1\0"])
async def test_what_is_no_session_is_not_there(
    shelf: Shelf, session: SessionJournal, name: str
) -> None:
    assert not await shelf.may_see("alice", name)
    with pytest.raises((FileNotFoundError, ValueError)):
        shelf.files(name)


async def test_only_plain_files_are_listed_and_opened(
    shelf: Shelf, session: SessionJournal, tmp_path: Path
) -> None:
    folder = session.evidence
    (folder / "hosts").write_bytes(b"data")
    (folder / "link").symlink_to(folder / "hosts")
    (folder / "sub").mkdir()
    os.mkfifo(folder / "fifo")
    (folder.parent / "S1x").mkdir()
    assert [name for name, _ in shelf.files(session.id)] == ["hosts"]
    assert [name for name, _ in shelf.sessions()] == [session.id]
    descriptor = shelf.open(session.id, "hosts")
    assert os.read(descriptor, 10) == b"data"
    os.close(descriptor)
    for name in ("link", "sub", "fifo", "none", "..", ".", "", "../S1/hosts", "/etc/passwd"):
        with pytest.raises(FileNotFoundError):
            shelf.open(session.id, name)


async def test_a_session_whose_folder_is_a_link_has_none(
    shelf: Shelf, session: SessionJournal, tmp_path: Path
) -> None:
    (tmp_path / "state" / "evidence" / session.id).symlink_to("/etc")
    with pytest.raises(OSError, match=session.id):
        shelf.files(session.id)
