"""What recovery does to files: cut, kept, named; never destroyed."""

import hashlib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.audit.chunks import COMMIT, Kind, Reader, genesis, pack
from server.audit.folders import Folders
from server.audit.sealing import seal_partials, seal_recording, seal_result


def recording(path: Path, *, commit: bool = True) -> tuple[bytes, int]:
    """Three outputs, a commit of them, two more outputs; and where the commit ends."""
    chain, raw, committed = genesis("S1"), b"", 0
    for number in range(5):
        chunk, chain = pack(Kind.OUTPUT, 1, number, b"piece %d " % number * 9, chain)
        raw += chunk
        if number == 2 and commit:
            chunk, chain = pack(Kind.COMMIT, 0, number, COMMIT.pack(len(raw), chain), chain)
            raw += chunk
            committed = len(raw)
    path.write_bytes(raw)
    return raw, committed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 200))
def test_any_torn_end_is_cut_and_kept_beside(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "S1.rec"
    raw, _ = recording(path)
    left = raw[:-cut]
    path.write_bytes(left)
    seal_recording(path)
    reader = Reader(path)
    last = list(reader)[-1]
    assert (last.kind, reader.tail.what) == (Kind.RECOVERED, "")
    whole = path.read_bytes()[: -len(pack(Kind.RECOVERED, 0, 0, last.data, b"")[0])]
    torn = path.with_name("S1.rec.torn")
    assert left == whole + (torn.read_bytes() if torn.exists() else b"")
    torn.unlink(missing_ok=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_damage_never_costs_a_byte(tmp_path: Path, at: int, bit: int) -> None:
    path = tmp_path / "S1.rec"
    raw = bytearray(recording(path)[0])
    raw[at % len(raw)] ^= 1 << bit
    path.write_bytes(raw)
    sealed = seal_recording(path)
    torn = path.with_name("S1.rec.torn")
    after = path.read_bytes()
    if sealed.head:
        end = next(chunk for chunk in Reader(path) if chunk.kind is Kind.RECOVERED)
        kept = after[: end.end - len(pack(Kind.RECOVERED, 0, 0, end.data, b"")[0])]
        assert kept + (torn.read_bytes() if torn.exists() else b"") == bytes(raw)
    else:
        assert "left as it is" in sealed.told
        assert after == bytes(raw)
    torn.unlink(missing_ok=True)


def test_zeros_after_the_last_commit_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "S1.rec"
    raw, committed = recording(path)
    path.write_bytes(raw[:committed] + bytes(len(raw) - committed))
    assert seal_recording(path).told == (
        f"recording whole to byte {committed:,}, 72 beyond the last commit"
        f"; a torn end of {len(raw) - committed:,} bytes was cut"
    ).replace("72", str(committed - COMMIT.unpack(list(Reader(path))[3].data)[0]))


def test_a_cut_between_a_commit_and_what_it_covers_is_no_damage(tmp_path: Path) -> None:
    """The commit's own chunk came to the disk; what was written before it, unsynced, did not."""
    path = tmp_path / "S1.rec"
    first, chain = pack(Kind.OUTPUT, 1, 0, b"safe", genesis("S1"))
    said = COMMIT.pack(len(first), chain)
    second, chain = pack(Kind.OUTPUT, 1, 1, b"x" * 2000, chain)
    commit, _ = pack(Kind.COMMIT, 0, 2, said, chain)
    torn = second[:500] + bytes(512) + second[1012:]
    path.write_bytes(first + torn + commit)
    assert seal_recording(path).told.startswith(f"recording whole to byte {len(first)},")
    path.write_bytes(first[:16] + b"!" + first[17:] + second + commit)
    assert seal_recording(path).told == "recording damaged at byte 0, left as it is"


def test_sealing_twice_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "S1.rec"
    recording(path)
    seal_recording(path)
    seal_recording(path)
    kinds = [chunk.kind for chunk in Reader(path)]
    assert kinds[-2:] == [Kind.RECOVERED, Kind.RECOVERED]
    assert kinds.count(Kind.OUTPUT) == 5


def test_a_missing_recording_is_said(tmp_path: Path) -> None:
    assert seal_recording(tmp_path / "S1.rec").told == "recording missing"


def test_a_torn_result_keeps_its_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "S1" / "3.res"
    path.parent.mkdir()
    chain, raw = genesis("S1#3"), b""
    for number in range(3):
        chunk, chain = pack(Kind.ROW, 0, number, b"{}", chain)
        raw += chunk
    path.write_bytes(raw[:-1])
    sealed = seal_result(path)
    assert (sealed.rows, sealed.bytes) == (2, path.stat().st_size)


def test_incoming_files_become_partial_and_never_overwrite(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.make()
    for name in ("S1-4-mem.dmp", "S1-5", "S1-6-mem.dmp", "S10-1-other"):
        (folders.incoming / name).write_bytes(name.encode())
    partials = seal_partials(folders, "S1", {5: "named"})
    assert {(partial.number, partial.name) for partial in partials} == {
        (4, "mem.dmp.partial"),
        (5, "named.partial"),
        (6, "mem.dmp.2.partial"),
    }
    assert [path.name for path in folders.incoming.iterdir()] == ["S10-1-other"]


def test_what_lies_in_the_evidence_and_no_record_names_is_a_partial(tmp_path: Path) -> None:
    """Killed between the file's new name and the record of it."""
    folders = Folders(tmp_path)
    folders.make()
    folder = folders.evidence("S1")
    folder.mkdir()
    for name in ("taken", "alone.txt", "cut.partial"):
        (folder / name).write_bytes(name.encode())
    (folders.incoming / "S1-3-twin").write_bytes(b"twin")
    (folder / "twin").hardlink_to(folders.incoming / "S1-3-twin")
    partials = seal_partials(folders, "S1", {2: "alone.txt", 3: "twin", 4: ""}, {"taken"})
    assert {(partial.number, partial.name) for partial in partials} == {
        (2, "alone.txt.partial"),
        (3, "twin.partial"),
        (4, "cut.partial"),
    }
    assert {path.name for path in folder.iterdir()} == {"taken"} | {p.name for p in partials}
    assert not list(folders.incoming.iterdir())


def test_zeros_at_the_end_of_what_was_coming_are_cut_and_those_between_stay(
    tmp_path: Path,
) -> None:
    folders = Folders(tmp_path)
    folders.make()
    mib = 1 << 20
    with (folders.incoming / "S1-4-sparse").open("wb") as file:
        file.seek(5 * mib)
        file.write(b"x" * 4096)
        file.truncate(100 << 30)
    (partial,) = seal_partials(folders, "S1", {})
    assert partial.bytes == 5 * mib + 4096
    whole = bytes(5 * mib) + b"x" * 4096
    assert partial.sha256 == hashlib.sha256(whole).hexdigest()
    kept = folders.evidence("S1") / partial.name
    assert kept.read_bytes() == whole and kept.stat().st_blocks * 512 < mib
