"""What a device is to be, in one respect (isolation, restriction): the broker's side; pure.

1. A wish has a generation that only rises; the device converges to the highest it has heard of.
2. Asking for what is wished already makes no new wish: the action joins the one there is.
3. A wish that comes later takes the place of one that is still open: its actions end as superseded.
4. A device's answer counts for the generation that it names, and only if that is the last one.
5. "Already so" is said only where the device does not say otherwise, and never of a time to live:
   asked again, that begins anew.
"""

from typing import Literal

import msgspec

What = Literal["isolation", "restriction"]
Answer = Literal["done", "failed", "over"]

WHAT: dict[str, What] = {
    "isolate": "isolation",
    "release": "isolation",
    "restrict": "restriction",
    "unrestrict": "restriction",
}
"""The words that wish, and what they wish about."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The last wish, and what is known of it. `value` is the wire's own form."""

    generation: int = 0
    value: dict[str, object] = {}
    """Without its generation, so that two wishes can be compared."""
    by: str = ""
    """Who wished it."""
    on: bool = False
    """Whether it contains anything; the first wish of all is none."""
    answered: Literal["", "done", "failed", "over"] = "done"
    """`over`: it was so, and ended on the device's own account (TTL, token)."""
    waiting: tuple[int, ...] = ()
    """The open actions that it is to end, the first one made it."""
    fallback: bool = False
    """Whether something is in force although the last wish failed or is not answered."""
    kept: dict[str, object] = {}
    kept_on: bool = False
    """The last wish that came true: what a wish that is taken back leaves."""

    @property
    def holds(self) -> bool:
        """Whether the device is contained as far as was said."""
        if self.answered == "done":
            return self.on
        return self.fallback


class Asked(msgspec.Struct, frozen=True):
    """What asking did: the wish from now on, and what it means for actions."""

    wish: Wish
    already: bool
    """It is so already: nothing is waited for."""
    joined: bool
    """The same was wished already, and is not answered."""
    superseded: tuple[int, ...]


def ask(
    wish: Wish, action: int, value: dict[str, object], *,
    on: bool, by: str = "", denied: bool = False, above: int = 0,
) -> Asked:  # fmt: skip
    """Somebody wants `value`; never a lower generation, never two wishes of one.

    `denied`: the device's last word is that it is something else. `above`: the highest generation
    that it named, which is higher than ours where the broker's store came from a backup.
    """
    same = wish.on == on and (not on or wish.value == value)
    renews = on and value.get("ttl_s") is not None
    if same and wish.answered == "done" and not denied and not renews:
        return Asked(wish, already=True, joined=False, superseded=())
    if same and wish.answered == "":
        joined = msgspec.structs.replace(wish, waiting=(*wish.waiting, action))
        return Asked(joined, already=False, joined=True, superseded=())
    new = Wish(
        generation=max(wish.generation, above) + 1,
        value=value,
        by=by,
        on=on,
        answered="",
        waiting=(action,),
        fallback=wish.holds,
        kept=wish.value if wish.answered == "done" else wish.kept,
        kept_on=wish.on if wish.answered == "done" else wish.kept_on and wish.holds,
    )
    if not on and not wish.holds and wish.answered in ("failed", "over") and not denied:
        # Nothing is in force, the device said so itself; yet what it is to be is another thing now,
        # should it ever begin anew from what it is to be.
        waits_for_none = msgspec.structs.replace(new, waiting=())
        return Asked(waits_for_none, already=True, joined=False, superseded=())
    return Asked(new, already=False, joined=False, superseded=wish.waiting)


class Answered(msgspec.Struct, frozen=True):
    """What an answer did: the wish from now on, and which actions end by it."""

    wish: Wish
    ended: tuple[int, ...]
    news: bool
    """Whether it says something that was not known."""


def answer(wish: Wish, generation: int, said: Answer, *, contained: bool) -> Answered:
    """The device speaks of `generation`: only its last wish is ended by that."""
    if generation != wish.generation or wish.generation == 0:
        return Answered(wish, (), news=False)
    if wish.answered == said and wish.fallback == (contained and said != "done"):
        return Answered(wish, (), news=False)
    if wish.answered and said == "failed":
        # It was so once, and is not lost by an error that came after (Velociraptor #2432).
        return Answered(wish, (), news=False)
    ended = wish.waiting
    now = msgspec.structs.replace(
        wish, answered=said, waiting=(), fallback=contained and said != "done"
    )
    return Answered(now, ended, news=True)


def loosens(wish: Wish, value: dict[str, object]) -> bool:
    """Whether an isolation of `value` would end, or open, one that is to hold: who asks for that
    asks for a release, whatever word he types."""
    holding = []
    if wish.on and wish.answered in ("", "done"):
        holding.append(wish.value)
    if wish.fallback and wish.kept_on:
        holding.append(wish.kept)
    return any(_opens(one, value) for one in holding)


def _opens(old: dict[str, object], new: dict[str, object]) -> bool:
    before, after = old.get("ttl_s"), new.get("ttl_s")
    if isinstance(after, int | float) and (not isinstance(before, int | float) or after < before):
        return True
    rules = old.get("scope"), old.get("rules")
    return new.get("scope") != "full" and rules != (new.get("scope"), new.get("rules"))


def withdraw(wish: Wish, action: int, above: int = 0) -> Wish:
    """The action is taken back: where nobody else waits for its wish, what was before is wished.

    With a generation of its own: the device may have heard of the one that is taken back.
    """
    left = tuple(one for one in wish.waiting if one != action)
    if left or action not in wish.waiting:
        return msgspec.structs.replace(wish, waiting=left)
    return Wish(
        generation=max(wish.generation, above) + 1,
        value=wish.kept,
        on=wish.kept_on,
        answered="",
        fallback=wish.fallback,
        kept=wish.kept,
        kept_on=wish.kept_on,
    )
