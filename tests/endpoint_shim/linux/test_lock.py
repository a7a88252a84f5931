"""One shim for one state folder."""

import os
from pathlib import Path

import pytest

from commands.language.errors import Refused
from endpoint_shim.linux.lock import hold


def test_a_second_shim_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first = hold(tmp_path)
    with pytest.raises(Refused, match="runs already"):
        hold(tmp_path)
    os.close(first)
    os.close(hold(tmp_path))
