"""Session folders: private, wiped without following a link."""

from pathlib import Path

from endpoint_shim import sessions


def test_a_folder_is_private_and_of_a_random_name(tmp_path: Path) -> None:
    made = {sessions.make(tmp_path / "sessions") for _ in range(3)}
    assert len(made) == 3
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in made)


def test_wiping_takes_all_and_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    folder = sessions.make(tmp_path / "sessions")
    (folder / "sub").mkdir()
    (folder / "sub/link").symlink_to(outside)
    (folder / "locked").mkdir(mode=0o500)
    assert sessions.wipe(folder) == []
    assert not folder.exists() and (outside / "kept").exists()


def test_what_an_earlier_run_left_is_wiped_at_the_start(tmp_path: Path) -> None:
    folder = sessions.make(tmp_path / "sessions")
    (folder / "x").write_text("x")
    assert sessions.wipe_leftovers(tmp_path / "sessions") == []
    assert list((tmp_path / "sessions").iterdir()) == []
    assert sessions.wipe_leftovers(tmp_path / "none") == []
