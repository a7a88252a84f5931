"""A declaration's digest: the same for the same meaning, another for another."""

from typing import Annotated

import pytest

from commands.language import command
from commands.language.command import DeviceCommand, discover
from commands.language.declared import digest


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_words", dict(command._words))
    monkeypatch.setattr(command, "_aliases", dict(command._aliases))


def test_every_word_has_a_digest_and_no_two_share_one() -> None:
    found = [digest(one) for one in discover().values()]
    assert len(set(found)) == len(found) and all(len(one) == 16 for one in found)


def test_a_help_text_changes_nothing_and_a_parameter_does() -> None:
    class Probe(DeviceCommand):
        """One."""

        path: Annotated[str, "a path"]

    first = digest(Probe)

    class Probe(DeviceCommand):  # type: ignore[no-redef]
        """Another."""

        path: Annotated[str, "another text"]

    assert digest(Probe) == first

    class Probe(DeviceCommand):  # type: ignore[no-redef]
        """One."""

        path: Annotated[str, "a path"]
        whatif: Annotated[bool, "show only"] = False

    assert digest(Probe) != first
