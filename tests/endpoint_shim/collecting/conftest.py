"""A device that collects, in this process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoint_shim.linux.groups import open_groups
from tests.endpoint_shim.collecting.maker import Maker


@pytest.fixture
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    folder: Path = tmp_path_factory.mktemp("device")
    worker = open_groups(folder).worker(1)
    with worker.inside():
        pass
    command = worker.under("c1")
    # A command's group stands under its worker's; tests hop back to where they came from.
    command._home = worker._home  # type: ignore[attr-defined]
    yield Maker(folder, command)
    command.kill()
    while not worker.remove():
        os.sched_yield()
