"""The rows of all actions and wishes: what is open in memory, everything in the store.

A change is one commit: the rows, and a record of each in the broker's own journal. Nothing comes
of a change before that is durable.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from server.actions.action import Action, State
from server.actions.desired import What, Wish
from server.audit import clock
from server.audit.action_records import ActionChanged
from server.audit.journal import Journal
from server.store import actions as stored
from server.store.sqlite import Store

MOST_TEXT = 2000
_action = msgspec.json.Decoder(Action)
_wish = msgspec.json.Decoder(Wish)


class Ledger:
    """Made by `open`, once."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store, self._journal = store, journal
        self._open: dict[int, Action] = {}
        self._wishes: dict[tuple[str, str], Wish] = {}
        self._last = 0
        self._order = asyncio.Lock()
        """Who decided first is written first: a later value must not be overwritten."""
        self.on_saved: Callable[[Action], None] = lambda action: None
        """Told of each durable change of a row."""
        self._watchers: dict[int, list[asyncio.Future[None]]] = {}

    @classmethod
    async def open(cls, store: Store, journal: Journal) -> "Ledger":
        """With what is open and what is wished, as the last broker left it."""
        ledger = cls(store, journal)
        ledger._last = await stored.last_id(store)
        for value in await stored.opened(store):
            action = _action.decode(value)
            ledger._open[action.id] = action
        for device, what, value in await stored.wishes(store):
            ledger._wishes[device, what] = _wish.decode(value)
        return ledger

    def next_id(self) -> int:
        """An id that was never given before."""
        self._last += 1
        return self._last

    def wish(self, device: str, what: What) -> Wish:
        """What the device is to be, from the last one who said so."""
        return self._wishes.get((device, what), Wish())

    def opened(self, device: str | None = None) -> list[Action]:
        """The open actions, oldest first; of one device or of all."""
        found = (a for a in self._open.values() if device is None or a.device == device)
        return sorted(found, key=lambda action: action.id)

    async def one(self, number: int) -> Action | None:
        """The action of that number, open or ended."""
        if number in self._open:
            return self._open[number]
        value = await stored.one(self._store, number)
        return None if value is None else _action.decode(value)

    async def before(
        self, number: int, most: int, devices: Sequence[str] | None = None
    ) -> list[Action]:
        """Actions with a lower number, newest first."""
        values = await stored.before(self._store, number, most, devices)
        return [_action.decode(value) for value in values]

    async def save(
        self,
        actions: Iterable[Action],
        wishes: Iterable[tuple[str, What, Wish]] = (),
        *,
        by: str = "",
        proof: str = "",
    ) -> None:
        """Makes them so, in memory at once and on the disk when it returns.

        In memory first: who asks while the disk writes must see what was decided, or two would
        get the same wish. Nobody acts on it before it is durable: callers wait for this.
        """
        rows, wanted = list(actions), list(wishes)
        for action in rows:
            self._open.pop(action.id, None)
            if action.open:
                self._open[action.id] = action
        for device, what, wish in wanted:
            self._wishes[device, what] = wish
        async with self._order:
            await self._store.room()
            # In one breath, so in one commit.
            write = self._store.submit(stored.save(_rows(rows), _wishes(wanted)))
            records = [self._journal.broker.submit(_record(a, by, proof))[1] for a in rows]
        for durable in (write, *records):
            await durable
        for action in rows:
            self.on_saved(action)
            self._tell(action.id)

    def changed(self, number: int) -> "asyncio.Future[None]":
        """Done at the next durable change of that action."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.setdefault(number, []).append(told)
        return told

    def touch(self, number: int) -> None:
        """Tells its watchers of something that is no change of the row."""
        self._tell(number)

    def _tell(self, number: int) -> None:
        for told in self._watchers.pop(number, []):
            if not told.done():
                told.set_result(None)


def ended(action: Action, state: State, *, error: str = "", outcome: str = "") -> Action:
    """The action at its end."""
    return msgspec.structs.replace(
        action,
        state=state,
        error=error[:MOST_TEXT],
        outcome=outcome[:MOST_TEXT] or action.outcome,
        ended_ms=clock.now_ms(),
    )


def _rows(actions: list[Action]) -> Iterator[stored.StoredAction]:
    for action in actions:
        yield stored.StoredAction(
            action.id, action.device, action.open, msgspec.json.encode(action)
        )


def _wishes(wishes: list[tuple[str, What, Wish]]) -> Iterator[stored.StoredWish]:
    for device, what, wish in wishes:
        yield stored.StoredWish(device, what, msgspec.json.encode(wish))


def _record(action: Action, by: str, proof: str) -> ActionChanged:
    said = action.error or action.outcome
    return ActionChanged(
        action=action.id,
        device=action.device,
        name=action.name,
        word=action.word,
        text=action.text[:MOST_TEXT],
        person=action.person,
        comment=action.comment,
        asked_in=action.asked_in,
        state=action.state,
        by=by or action.by,
        by_comment=action.by_comment,
        said=said,
        value_sha256=action.sha256,
        generation=action.generation,
        approval=action.approval,
        ran_in=action.ran_in,
        proof=proof,
    )
