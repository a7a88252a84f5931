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


def test_what_microsoft_did_not_sign_could_not_be_started_again(live: Live) -> None:
    """Wine's own services are nobody's; the shim and its Python would be let start."""
    ran = live.on("whatif restrict -output json")
    assert ran.status == 0, ran.err
    rows = json.loads(ran.out)
    names = {row["name"].rpartition("\\")[2].lower() for row in rows}
    assert "services.exe" in names and "python.exe" not in names
    assert all(row["what"] == "program" and row["pid"] for row in rows)
