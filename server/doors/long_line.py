"""Shows only the part of a long line around the cursor: drawing 64 KiB takes 40 ms each time."""

from prompt_toolkit.layout.processors import (
    Processor,
    Transformation,
    TransformationInput,
)

LONGEST = 1024
BEFORE = 512


class LongLine(Processor):
    """Cuts what is drawn, never what is typed."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        given = transformation_input
        length = sum(len(text) for _, text, *_ in given.fragments)
        if length <= LONGEST:
            return Transformation(given.fragments)
        document = given.document
        at = 0
        if document.cursor_position_row == given.lineno:
            at = given.source_to_display(document.cursor_position_col)
        first = max(0, min(at - BEFORE, length - LONGEST))
        text = "".join(text for _, text, *_ in given.fragments)[first : first + LONGEST]
        mark = 1 if first else 0
        shown = "…" * mark + text + ("…" if first + LONGEST < length else "")
        return Transformation(
            [("", shown)],
            source_to_display=lambda i: max(0, min(i - first, LONGEST)) + mark,
            display_to_source=lambda i: max(0, i - mark) + first,
        )
