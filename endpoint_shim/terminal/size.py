"""The size of a terminal, as a client asks for it."""

LONGEST_SIDE = 1000


def usual(columns: int, rows: int) -> tuple[int, int]:
    """0 is what a client says that has no size."""
    return min(columns, LONGEST_SIDE) or 80, min(rows, LONGEST_SIDE) or 24
