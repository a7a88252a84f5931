"""The line editor: prompt_toolkit's, over our Input and Output, with the keys of console.md.

prompt_toolkit belongs to one process and one person; here many share it. So: no signal handlers,
no exception handler, no polling, no cursor questions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import DynamicAutoSuggest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import Condition, completion_is_selected, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.layout.layout import walk
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.output import Output

from commands.language.line import MAX_LINE
from server.doors.keys import KeyInput
from server.doors.long_line import LongLine
from server.doors.own_history import OwnHistory, OwnSuggestions

MENU_ROWS = 6
LONGEST_SEARCH = 200
FLOOD_REDRAW = 0.1
"""Seconds between two drawings while more waits than is typed by hand."""
LEAVE_KEYS = {
    "c-]": b"\x1d", "c-\\": b"\x1c", "c-^": b"\x1e", "c-_": b"\x1f", "f12": b"\x1b[24~",
}  # fmt: skip
ALWAYS = "f12"


@dataclass(frozen=True)
class Back:
    """The shell's leave key, pressed at the prompt: back into it."""

    key: bytes


@dataclass(frozen=True)
class Stopped:
    """The prompt was taken away: the session ended, or went to another connection."""


Answer = str | Back | Stopped


class Prompt:
    """One person's line editor."""

    def __init__(
        self,
        keys: KeyInput,
        screen: Output,
        history: OwnHistory,
        completer: Completer | None,
        *,
        grey: Callable[[], bool],
        leave_key: Callable[[], bytes],
    ) -> None:
        self._keys, self._screen = keys, screen
        self._leave_key, suggestions = leave_key, OwnSuggestions(history)
        self._editor: PromptSession[Answer] = PromptSession(
            input=keys,
            output=screen,
            history=history,
            completer=completer,
            auto_suggest=DynamicAutoSuggest(lambda: suggestions if grey() else None),
            key_bindings=self._bindings(),
            complete_while_typing=False,
            reserve_space_for_menu=MENU_ROWS,
            enable_suspend=False,
            include_default_pygments_style=False,
            input_processors=[LongLine()],
        )
        self._questions: PromptSession[Answer] = PromptSession(
            input=keys,
            output=screen,
            key_bindings=self._answer_bindings(),
            complete_while_typing=False,
            reserve_space_for_menu=0,
            include_default_pygments_style=False,
            input_processors=[LongLine()],
        )
        self._now: PromptSession[Answer] | None = None
        for editor in (self._editor, self._questions):
            editor.app.terminal_size_polling_interval = None
        for container in walk(self._editor.layout.container):
            if isinstance(container, CompletionsMenu) and hasattr(container.content, "height"):
                container.content.height = Dimension(min=1, max=MENU_ROWS)
        self._editor.default_buffer.on_text_changed += self._bounded
        self._editor.search_buffer.on_text_changed += _short
        self.on_too_long: Callable[[], None] = lambda: None
        keys.prompt_done = self._done
        keys.on_flood = self._flood

    async def line(self, message: Callable[[], StyleAndTextTuples]) -> Answer:
        """One line, or several that were pasted; EOFError for Ctrl-D and at the client's end.

        The message is asked for at each drawing: its flags change while one types.
        """
        return await self._read(self._editor, message)

    async def ask(self, question: str) -> str:
        """The answer to a question; Ctrl-C and Ctrl-D are the empty one."""
        try:
            answer = await self._read(self._questions, lambda: [("", question)])
        except EOFError:
            return ""
        return answer if isinstance(answer, str) else ""

    async def _read(
        self, editor: "PromptSession[Answer]", message: Callable[[], StyleAndTextTuples]
    ) -> Answer:
        self._now = editor
        try:
            return await editor.prompt_async(
                message, handle_sigint=False, set_exception_handler=False
            )
        finally:
            self._now = None

    @property
    def reading(self) -> bool:
        return self._now is not None and self._now.app.is_running

    def stop(self) -> None:
        """Takes the prompt away."""
        if self._now is not None and self._now.app.is_running and not self._now.app.is_done:
            self._now.app.exit(result=Stopped())

    def above(self, write: Callable[[], None]) -> None:
        """Writes whole lines above the prompt; what is typed stays."""
        if self._now is None or not self.reading:
            write()
            return
        app = self._now.app
        app.renderer.erase()
        write()
        app.invalidate()

    def resized(self) -> None:
        if self._now is not None and self.reading:
            self._now.app.renderer.erase(leave_alternate_screen=False)
            self._now.app.invalidate()

    def _done(self) -> bool:
        return self._now is None or self._now.app.is_done

    def _flood(self, more: bool) -> None:
        for editor in (self._editor, self._questions):
            editor.app.min_redraw_interval = FLOOD_REDRAW if more else 0.0

    def _bounded(self, buffer: Buffer) -> None:
        if len(self._editor.default_buffer.text) > MAX_LINE:
            self._editor.default_buffer.reset()
            self.on_too_long()

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c", filter=~is_searching, eager=True)
        def _clear(event: KeyPressEvent) -> None:
            event.current_buffer.reset()

        @keys.add("c-z", eager=True)
        def _nothing(event: KeyPressEvent) -> None:
            """Suspends nothing: this is no shell."""

        @keys.add("enter", filter=completion_is_selected, eager=True)
        def _onto_the_line(event: KeyPressEvent) -> None:
            event.current_buffer.complete_state = None

        # Eager: emacs mode would wait for a second key after Ctrl-].
        for name, data in LEAVE_KEYS.items():
            keys.add(name, filter=self._leaves(data), eager=True)(_going_back(data))
        keys.add(Keys.BracketedPaste, save_before=lambda event: False)(_insert)
        return keys

    def _leaves(self, data: bytes) -> Condition:
        return Condition(lambda: data in (LEAVE_KEYS[ALWAYS], self._leave_key()))

    def _answer_bindings(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c", eager=True)
        @keys.add("c-d", eager=True)
        def _no(event: KeyPressEvent) -> None:
            event.app.exit(result="")

        @keys.add("c-z", eager=True)
        def _nothing(event: KeyPressEvent) -> None: ...

        keys.add(Keys.BracketedPaste, save_before=lambda event: False)(_insert_line)
        return keys


def _short(buffer: Buffer) -> None:
    """What is searched for becomes a pattern at each key: a long one takes seconds."""
    if len(buffer.text) > LONGEST_SEARCH:
        buffer.reset()


def _going_back(data: bytes) -> Callable[[KeyPressEvent], None]:
    def back(event: KeyPressEvent) -> None:
        event.app.exit(result=Back(data))

    return back


def _insert(event: KeyPressEvent) -> None:
    """A paste as it is; its last line end is no Enter."""
    text = event.data.replace("\r\n", "\n").replace("\r", "\n")
    event.current_buffer.insert_text(text.removesuffix("\n") if text.count("\n") > 0 else text)


def _insert_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text(" ".join(event.data.splitlines()))


def prompt_text(
    device: str | None,
    words: Sequence[str],
    folder: str,
    columns: int,
    *,
    color: bool,
    marks: bool,
    plain: bool = False,
) -> StyleAndTextTuples:
    """`NAME [flags] FOLDER> `, or `fireline> `; a long folder loses its front."""
    bold, yellow = ("bold", "ansiyellow") if color else ("", "")
    if device is None:
        parts: StyleAndTextTuples = [(bold, "fireline")]
    else:
        parts = [(bold, device)]
        if words:
            parts += [("", " "), (yellow, f"[{', '.join(words)}]")]
        if folder:
            used = sum(len(text) for _, text, *_ in parts) + 3
            parts += [("", f" {_shortened(folder, max(columns - 40 - used, 12), plain)}")]
        else:
            parts += [("", " ")]
    parts.append(("", "> "))
    if marks:
        parts.append(("[ZeroWidthEscape]", "\x1b]133;B\x07"))
    return parts


def _shortened(folder: str, room: int, plain: bool) -> str:
    if len(folder) <= room:
        return folder
    tail = folder[-(room - 1) :]
    cut = min((at for at in (tail.find("\\"), tail.find("/")) if at >= 0), default=0)
    return ("..." if plain else "…") + tail[cut:]
