"""A person's own lines, across sessions, for Ctrl-R, the arrows and grey suggestions."""

from collections.abc import Iterable

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from commands.language.command import find

MOST = 1000
SUGGESTED_UP_TO = 512


class OwnHistory(History):
    """Newest last. What a prompt would add by itself is not taken: the console decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__()
        self.lines = list(lines)[-MOST:]

    def load_history_strings(self) -> Iterable[str]:
        yield from reversed(self.lines)

    def store_string(self, string: str) -> None:
        self.lines.append(string)
        del self.lines[:-MOST]

    def append_string(self, string: str) -> None:
        """The prompt's own call; see `remember`."""

    def remember(self, line: str) -> bool:
        """Takes a line that was run; False for one that is not to be kept."""
        if not line.strip() or line[:1].isspace() or line in self.lines[-1:]:
            return False
        super().append_string(line)
        return True


class OwnSuggestions(AutoSuggest):
    """Grey text from one's own history, for basic commands only: a change is typed on purpose."""

    def __init__(self, history: OwnHistory) -> None:
        self._history = history

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        text = document.text
        if len(text) < 2 or len(text) > SUGGESTED_UP_TO or "\n" in text:
            return None
        for line in reversed(self._history.lines):
            if line.startswith(text) and line != text and _basic(line):
                return Suggestion(line[len(text) :])
        return None


def _basic(line: str) -> bool:
    command = find(line.split(None, 1)[0])
    return (
        command is not None and not command.spec.changes and command.spec.role in ("any", "basic")
    )
