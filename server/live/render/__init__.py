"""Items as people and programs read them: table, list, json, csv, text, and what is said beside."""

from server.live.render.messages import (
    error_shown,
    error_text,
    note_shown,
    progress_line,
    wrapped,
)
from server.live.render.renderer import Renderer
from server.live.render.shown import Shown
from server.live.render.style import Style, bold, dim, red, yellow

__all__ = [
    "Renderer",
    "Shown",
    "Style",
    "bold",
    "dim",
    "error_shown",
    "error_text",
    "note_shown",
    "progress_line",
    "red",
    "wrapped",
    "yellow",
]
