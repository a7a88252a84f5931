"""Who could change a folder, as Windows' own access lists say."""

from pathlib import Path

from endpoint_shim import policy, private
from endpoint_shim.windows import changers, sddl
from tests.windows.inside.access_lists import open_to_everyone


def test_a_private_folder_is_well(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "state")
    assert changers.of(tmp_path / "state", above=False) == ""


def test_a_folder_that_everyone_may_write_is_named(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "open")
    open_to_everyone(tmp_path / "open")
    sentence = changers.of(tmp_path / "open", above=False)
    assert "can be changed by" in sentence and sddl.NAMES["WD"] in sentence


def test_a_policy_that_everyone_may_write_denies_every_word(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "state")
    place = tmp_path / "state" / "policy.toml"
    place.write_text('deny = ["shell"]\n')
    assert policy.load(place).error == "" and policy.load(place).deny == {"shell": 1}
    open_to_everyone(place)
    assert "it can be changed by everyone; only administrators may" in policy.load(place).error
