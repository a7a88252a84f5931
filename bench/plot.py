"""The figures that have an aim as one picture: each ratio as a part of its aim, on a log scale."""

import math
from html import escape

from bench.table import Row

LINE, TOP, NAMES, WIDTH, RIGHT = 24, 56, 430, 360, 110
LEAST, MOST = 0.125, 8.0
"""Of its aim; what lies beyond is drawn at the edge."""
GOOD, BAD, GREY = "#2b7a4b", "#b3372f", "#888888"


def plot(rows: list[Row], title: str) -> str:
    """An SVG; bars to the left of the line meet their aim."""
    drawn = [row for row in rows if row.met is not None]
    height = TOP + LINE * len(drawn) + 16
    width = NAMES + WIDTH + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="8" y="20" font-size="11" fill="{GREY}">{escape(title)}</text>',
        f'<text x="{_at(1)}" y="44" text-anchor="middle" fill="{GREY}">aim</text>',
    ]
    for number, row in enumerate(drawn):
        parts += _bar(row, TOP + LINE * number)
    bottom = height - 12
    parts.append(f'<path d="M{_at(1)} {TOP - 6}V{bottom}" stroke="{GREY}" stroke-dasharray="3"/>')
    return "\n".join([*parts, "</svg>", ""])


def share(row: Row) -> float:
    """The ratio as a part of its aim: below 1 it is met, whichever way the aim points."""
    assert row.ratio is not None
    assert row.aim is not None
    return row.aim / row.ratio if row.at_least else row.ratio / row.aim


def _bar(row: Row, top: int) -> list[str]:
    begin, end = sorted((_at(1), _at(share(row))))
    colour, middle = GOOD if row.met else BAD, top + 13
    beside = f"{row.what} ({row.beside.replace('`', '')})" if row.beside else row.what
    return [
        f'<text x="{NAMES - 8}" y="{middle}" text-anchor="end">{escape(_short(beside))}</text>',
        f'<rect x="{begin}" y="{top}" width="{end - begin:.1f}" height="16" fill="{colour}"/>',
        f'<text x="{NAMES + WIDTH + 8}" y="{middle}">{escape(" ".join(row.cells()[4:6]))}</text>',
    ]


def _at(part: float) -> float:
    bounded = min(max(part, LEAST), MOST)
    reach = math.log(MOST) - math.log(LEAST)
    return round(NAMES + WIDTH * (math.log(bounded) - math.log(LEAST)) / reach, 1)


def _short(text: str) -> str:
    plain = text.replace("`", "")
    return plain if len(plain) <= 62 else plain[:61] + "…"
