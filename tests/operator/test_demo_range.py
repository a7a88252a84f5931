"""The range is refused, with what to do, where its device could not start its programs."""

from pathlib import Path

import pytest

from commands.language.errors import Refused
from server.operator.demo_range import refuse_unseen


@pytest.mark.parametrize("folder", ["/tmp/fireline/.venv", "/var/lib/fireline/.venv"])
def test_a_clone_that_the_device_would_not_see_is_named_with_the_way_out(folder: str) -> None:
    with pytest.raises(Refused, match=f"would not see {folder}; clone Fireline into another"):
        refuse_unseen(Path(folder))


@pytest.mark.parametrize("folder", ["/home/alice/fireline/.venv", "/opt/tmp/.venv"])
def test_a_clone_elsewhere_is_seen(folder: str) -> None:
    refuse_unseen(Path(folder))
