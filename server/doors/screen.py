"""A client's screen as prompt_toolkit's Output, without a file descriptor."""

import io
from collections.abc import Callable
from typing import TextIO, cast

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output


class _Pipe(io.TextIOBase):
    """What Vt100_Output writes to."""

    encoding = "utf-8"

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def write(self, text: str) -> int:
        # The line editor's own text: what a person typed or pasted, surrogates included.
        self._write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True


def make_screen(
    write: Callable[[bytes], None], size: Callable[[], tuple[int, int]], term: str, color: bool
) -> Vt100_Output:
    """The Output; `size` gives columns and rows now."""

    def now() -> Size:
        columns, rows = size()
        return Size(rows=rows, columns=columns)

    return Vt100_Output(
        cast(TextIO, _Pipe(write)),
        now,
        term=term or "dumb",
        default_color_depth=ColorDepth.DEPTH_4_BIT if color else ColorDepth.DEPTH_1_BIT,
        enable_cpr=False,
        enable_bell=False,
    )
