"""The picture of the figures: well-formed, and every bar on its side of the aim."""

import xml.etree.ElementTree as ET

import pytest

from bench.plot import plot, share
from bench.table import Row

SVG = "{http://www.w3.org/2000/svg}"


def bars(*rows: Row) -> list[tuple[float, float, str]]:
    """Left edge, right edge and colour of each bar."""
    drawn = ET.fromstring(plot(list(rows), "a machine & its <load>"))
    found = [one for one in drawn.iter(f"{SVG}rect") if one.get("height") == "16"]
    edges = [(float(one.attrib["x"]), float(one.attrib["width"])) for one in found]
    return [(x, x + w, one.attrib["fill"]) for (x, w), one in zip(edges, found, strict=True)]


@pytest.mark.parametrize(
    ("row", "part"),
    [
        (Row("at most", "", "`x`", "", 1.0, 2.0), 0.5),
        (Row("at least", "", "`x`", "", 4.0, 2.0, at_least=True), 0.5),
        (Row("missed <&>", "", "", "", 3.0, 1.5), 2.0),
    ],
)
def test_a_share_below_one_is_met_whichever_way_the_aim_points(row: Row, part: float) -> None:
    assert share(row) == part
    assert (share(row) <= 1) == row.met


def test_bars_that_meet_their_aim_end_at_it_and_others_begin_there() -> None:
    (_, at, good), (begin, _, bad) = bars(
        Row("met", "", "", "", 1.0, 2.0), Row("missed", "", "", "", 100.0, 2.0)
    )
    assert at == begin
    assert good != bad


def test_a_row_without_an_aim_is_not_drawn() -> None:
    assert bars(Row("size", "30 MiB", "", "")) == []
