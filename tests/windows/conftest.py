"""The rig for the tests of the Windows half; without it they say by name that they did not run."""

import os
from collections.abc import Iterator

import pytest

from tests.windows.rig import Rig, RigMissing, rig


@pytest.fixture(scope="session")
def windows() -> Iterator[Rig]:
    try:
        started = rig()
    except RigMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the Windows half did not run: {missing}")
    with started:
        yield started
