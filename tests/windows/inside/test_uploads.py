"""What an SFTP client writes on a real Windows: whole or nothing, and only what is its own."""

import os
from pathlib import Path

import pytest

from commands.language import wire
from commands.language.errors import Failed, Refused
from commands.language.names import from_text
from commands.language.wire import Policy as WirePolicy
from endpoint_shim import own
from endpoint_shim.policy import Policy
from endpoint_shim.upload import Made
from endpoint_shim.windows import changes
from endpoint_shim.windows.uploads import open_to_write

ANY = Policy(device="win-01")


def asked(path: Path, **how: object) -> wire.OpenWrite:
    said = {"create": True, **how}
    return wire.OpenWrite(id=1, path=from_text(str(path)), **said)  # type: ignore[arg-type]


def put(path: Path, data: bytes, made: Made, **how: object) -> None:
    upload = open_to_write(asked(path, **how), ANY, made)
    upload.write(0, data)
    upload.finish(made)


def renamed(old: Path, new: Path, made: Made, **how: bool) -> None:
    request = wire.Rename(id=1, path=str(old), to=str(new), **how)
    changes.rename(request, ANY, made)


def test_what_was_not_finished_is_not_there(tmp_path: Path) -> None:
    upload = open_to_write(asked(tmp_path / "x"), ANY, Made())
    upload.write(0, b"half")
    assert not (tmp_path / "x").exists()
    upload.close()
    assert os.listdir(tmp_path) == []


def test_offsets_appends_sizes_and_times_are_as_they_were_asked(tmp_path: Path) -> None:
    made = Made()
    upload = open_to_write(asked(tmp_path / "x"), ANY, made)
    upload.write(10, b"far")
    upload.write(0, b"near\r\n")
    assert upload.file.read(0, 6) == b"near\r\n"
    upload.file.set(wire.SetFacts(id=1, handle=1, mtime=1_000_000_000, atime=1_000_000_001))
    upload.finish(made)
    assert (tmp_path / "x").read_bytes() == b"near\r\n\0\0\0\0far"
    assert int((tmp_path / "x").stat().st_mtime) == 1_000_000_000
    upload = open_to_write(asked(tmp_path / "x", append=True), ANY, made)
    upload.write(0, b"end")
    upload.finish(made)
    changes.set_facts(wire.SetFacts(id=1, path=f"{tmp_path}\\x", size=4), ANY, made)
    assert (tmp_path / "x").read_bytes() == b"near"


def test_a_name_that_is_taken_meanwhile_is_kept(tmp_path: Path) -> None:
    made = Made()
    upload = open_to_write(asked(tmp_path / "x"), ANY, made)
    (tmp_path / "X").write_text("other")
    with pytest.raises(Refused, match="exists and this connection did not make it"):
        upload.finish(made)
    assert (tmp_path / "x").read_text() == "other"


def test_what_others_made_is_not_written_renamed_or_set(tmp_path: Path) -> None:
    made = Made()
    (tmp_path / "old").write_text("old")
    put(tmp_path / "mine", b"mine", made)
    for how in ({}, {"truncate": True}, {"append": True}):
        with pytest.raises(Refused, match="did not make it"):
            open_to_write(asked(tmp_path / "old", **how), ANY, made)
    with pytest.raises(Refused, match="was not made by this connection"):
        renamed(tmp_path / "old", tmp_path / "new", made)
    for replace in (True, False):
        with pytest.raises(Refused, match="did not make it"):
            renamed(tmp_path / "mine", tmp_path / "old", made, replace=replace)
    with pytest.raises(Refused, match="was not made by this connection"):
        changes.set_facts(wire.SetFacts(id=1, path=f"{tmp_path}\\old", mtime=1), ANY, made)
    with pytest.raises(Failed, match="exists already"):
        changes.make_folder(wire.MakeFolder(id=1, path=f"{tmp_path}\\old"), ANY, made)
    assert (tmp_path / "old").read_text() == "old"


def test_the_rules_right_replaces_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    upload = open_to_write(asked(tmp_path / "old", overwrite=True), ANY, Made())
    upload.write(3, b"er")
    upload.finish(Made())
    assert (tmp_path / "old").read_text() == "older"
    put(tmp_path / "old", b"new", Made(), overwrite=True, truncate=True)
    assert ((tmp_path / "old").read_text(), os.listdir(tmp_path)) == ("new", ["old"])


def test_the_policy_and_the_shims_own_hold_for_every_spelling(tmp_path: Path) -> None:
    (state := tmp_path / "state").mkdir()
    (tmp_path / "off").mkdir()
    limits = WirePolicy(off_limits={str(tmp_path / "off"): 1})
    policy = Policy(limits, "win-01", own=own.found(state, state / "policy.toml", []))
    made = Made()
    put(tmp_path / "mine", b"mine", made)
    for folder in ("state", "STATE", "state\\..\\state", "off", "OFF"):
        path = f"{tmp_path}\\{folder}\\x"
        for act in (
            lambda p=path: open_to_write(wire.OpenWrite(id=1, path=p, create=True), policy, made),
            lambda p=path: changes.make_folder(wire.MakeFolder(id=1, path=p), policy, made),
            lambda p=path: changes.rename(
                wire.Rename(id=1, path=f"{tmp_path}\\mine", to=p), policy, made
            ),
        ):
            with pytest.raises(Refused):
                act()
    assert os.listdir(state) == os.listdir(tmp_path / "off") == []
