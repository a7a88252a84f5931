"""A decision as the session uses it: the error to raise, and the rule as the record names it."""

from dataclasses import dataclass
from typing import Self

from commands.language.errors import FirelineError, NeedsAnswer, Refused, Unreachable
from server.identity.access import Decision


@dataclass(frozen=True)
class Judged:
    """`error` is None where it is allowed."""

    error: FirelineError | None
    rule_text: str

    @classmethod
    def of(cls, decision: Decision, file: str) -> Self:
        rule = f"{decision.rule} ({file} line {decision.line})" if decision.rule else ""
        if decision.allowed:
            return cls(None, rule)
        kind = Unreachable if decision.status == 4 else Refused
        error = kind(decision.sentence)
        error.rule = rule
        return cls(error, rule)


def recorded(refusal: FirelineError) -> str:
    """Why a command did not begin: a question that stands before its effect is no refusal."""
    return f"asked: {refusal.question}" if isinstance(refusal, NeedsAnswer) else refusal.shown()
