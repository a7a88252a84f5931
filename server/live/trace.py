"""Where one command's time went, for a person who asked with `trace`; by the monotonic clock."""

import asyncio

from commands.language.visible import visible


class Trace:
    """Made when the line is taken; each step is noted once."""

    def __init__(self) -> None:
        self.rule = ""
        self.stream = ""
        self._began = asyncio.get_running_loop().time()
        self._steps: dict[str, float] = {}

    def step(self, name: str) -> None:
        if name not in self._steps:
            self._steps[name] = asyncio.get_running_loop().time() - self._began

    def told(self, number: int, amount: str) -> str:
        """One sentence: the rule, then each step with the time since Enter."""
        steps = [f"{name} {at * 1000:.1f} ms" for name, at in self._steps.items()]
        stream = f", stream {visible(self.stream)}" if self.stream else ""
        rule = visible(self.rule) or "no rule was asked"
        return f"trace #{number}: {rule}; {', '.join(steps)}; {amount}{stream}"
