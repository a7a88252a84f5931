"""What a Windows device says of an isolation and a restriction before they are so."""

import json

import pytest

from tests.windows.live import Live

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
]


def test_what_stays_within_the_device_and_leads_to_the_broker_would_not_end(live: Live) -> None:
    """The broker's line is there while it is asked, and is no row."""
    ran = live.on("whatif isolate -output json")
    assert ran.status == 0, ran.err
    ends = json.loads(ran.out)
    assert all(row["what"] == "connection" for row in ends)
    assert not [row for row in ends if row["name"].startswith(("127.", "[::1]"))], ends


def test_what_a_restriction_would_stop_is_not_told_and_that_is_said(live: Live) -> None:
    ran = live.on("whatif restrict")
    assert ran.status == 3, ran
    assert "Windows tells what App Control would stop only when it does" in ran.err
