"""`attach`: goes back into a session that was left open; looks at another's, or asks for it."""

from typing import Annotated

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console
from commands.language.errors import NotUnderstood


class Attach(ConsoleCommand, role=ANY, group="here"):
    """Go back into a session of yours that was left open, from whatever connection holds it.

    -watch shows another's session on a device of yours while it goes on, and changes nothing
    there; its person is told. -ask asks its person to let you in.
    """

    session: Annotated[str, "the session, as the first screen names it"]
    watch: Annotated[bool, "only look at it"] = False
    ask: Annotated[bool, "ask its person to hand it over"] = False

    async def run(self, console: Console) -> None:
        if self.watch and self.ask:
            raise NotUnderstood("attach takes -watch or -ask; while you watch, the key a asks")
        if self.watch:
            await console.look_on(self.session)
        elif self.ask:
            await console.ask_for(self.session)
        else:
            await console.attach(self.session)
