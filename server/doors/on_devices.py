"""`on`: the devices that a selector means, and a line run on one of them, or on all.

What changes several devices is asked first: the devices are shown, and their number is the answer.
Where nobody can be asked it has to be in the line.
"""

import dataclasses
from typing import TYPE_CHECKING

from commands.language.command import ConsoleCommand, DeviceCommand
from commands.language.errors import FirelineError, NotUnderstood, Refused
from commands.language.line import Options, TypedLine
from commands.language.visible import visible
from server.doors.asked import refuse_behind
from server.doors.questions import of_device
from server.doors.several import Several
from server.identity.access import comment_needed
from server.live import second_person
from server.live.inventory import Device
from server.live.selectors import Selector, parse, select
from server.live.staging import ALL_AT_ONCE, Staging, staging
from server.live.whole import whole

if TYPE_CHECKING:
    from server.doors.station import Station

MOST_SHOWN = 200


async def run_on(
    station: "Station", text: str, line: str, stage: str | None, stop: str | None
) -> None:
    """The line on every device that the text means; the station's status is what became of it."""
    outer = station.typed
    selector = parse(text)
    station.named = selector.one_name
    station.typed = None  # until it is understood, its error is of no command yet
    inner = station.understood(line)
    if outer is not None:
        inner = _with_options_of(outer, inner)
    station.typed = inner
    if isinstance(inner.command, ConsoleCommand):
        raise NotUnderstood(f"{inner.command.spec.word} is no command to run on a device")
    refuse_behind(inner)
    how = staging(stage or inner.options.stage, stop or inner.options.stop)
    if selector.one_name is not None and inner.options.devices not in (None, 1):
        raise _other_number(selector, inner.options.devices, 1)
    if selector.one_name is None:
        await _on_several(station, selector, inner, how)
    elif how != ALL_AT_ONCE:
        raise NotUnderstood("-stage and -stop are for several devices")
    elif inner.command.spec.bound:
        await _at_broker(station, of_device(inner, selector.one_name))
    else:
        await _on_one(station, selector.one_name, inner)


def _with_options_of(outer: TypedLine, inner: TypedLine) -> TypedLine:
    """What stands before the selector counts for the line, where the line says nothing else."""
    before, own = outer.options, inner.options
    both = dataclasses.replace(
        own,
        comment=own.comment or before.comment,
        devices=own.devices or before.devices,
        yes=own.yes or before.yes,
        digest=own.digest or before.digest,
    )
    return dataclasses.replace(inner, options=both)


async def _at_broker(station: "Station", inner: TypedLine) -> None:
    """A word bound to its device opens no session on it, which may be offline."""
    outer, station.session = station.session, None
    try:
        station.status = await station.run(inner)
    finally:
        station.session = outer


async def _on_one(station: "Station", device: str, inner: TypedLine) -> None:
    outer = station.session
    comment = await station.comment_for(device, inner.options.comment)
    session = await station.opened(device, comment)
    station.session = session
    try:
        status = await station.run(inner)
    except FirelineError as error:
        station.show_not_run(error)
        status = error.status
    finally:
        station.session = outer
        why = station.client.login.cut_for or "its command ended"
        await whole(session.end(why), station.broker.own)
    station.status = status


async def _on_several(
    station: "Station", selector: Selector, inner: TypedLine, how: Staging
) -> None:
    spec = inner.command.spec
    if not (isinstance(inner.command, DeviceCommand) or spec.bound):
        raise NotUnderstood(
            f"{spec.word} is for one device: on NAME {spec.word} …; on several, words run that "
            "give rows, text or files"
        )
    if inner.options.raw:
        raise NotUnderstood("-raw is for one device; -output json has the exact bytes of several")
    if how != ALL_AT_ONCE and not inner.command.alters():
        raise NotUnderstood(f"-stage and -stop are for what changes a device; {spec.word} reads")
    sessions = station.broker.sessions
    devices = select(
        selector, sessions.seen_by(station.responder.person), station.broker.access.rules
    )
    _check_number(selector, inner.options, devices)
    if spec.changes:
        station.broker.radius.check_several(
            station.responder.person, spec, devices, explicit=selector.explicit
        )
    inner = await _prepared(station, inner, devices)
    if inner.command.alters():
        inner = await _asked(station, inner, devices)
    else:
        inner = await _commented(station, inner, devices)
    await Several(station, selector.text, inner, devices, how).run()


def _check_number(selector: Selector, options: Options, devices: list[Device]) -> None:
    if options.devices is not None and options.devices != len(devices):
        raise _other_number(selector, options.devices, len(devices))


def _other_number(selector: Selector, said: int, means: int) -> NotUnderstood:
    text, devices = visible(selector.text)[:200], "device" if means == 1 else "devices"
    return NotUnderstood(
        f"{text} means {means:,} {devices}, not the {said:,} of -devices; devices {text} lists them"
    )


def _allowed(station: "Station", inner: TypedLine, devices: list[Device]) -> bool:
    """Whether the rules give the word on any of them: who may not type it learns nothing by it."""
    decide, spec = station.broker.sessions.decide, inner.command.spec
    return any(decide(station.here, spec, device).error is None for device in devices)


async def _prepared(station: "Station", inner: TypedLine, devices: list[Device]) -> TypedLine:
    """Names made definite once: all devices run the same version, however long it takes."""
    if inner.command.spec.bound or not _allowed(station, inner, devices):
        return inner
    return dataclasses.replace(inner, command=await inner.command.prepare(station.desk))


async def _commented(station: "Station", inner: TypedLine, devices: list[Device]) -> TypedLine:
    """One comment for all their sessions, asked for once where a rule wants one."""
    who, rules = station.responder, station.broker.access.rules
    wants = [d for d in devices if comment_needed(rules, who.person, d.ref, who.door)]
    if not wants or inner.command.spec.bound:
        return inner
    comment = await station.comment_for(wants[0].name, inner.options.comment)
    return _with(inner, comment=comment)


async def _asked(station: "Station", inner: TypedLine, devices: list[Device]) -> TypedLine:
    """The plan, and the one question before an effect."""
    word, options, many = inner.command.spec.word, inner.options, _many(devices)
    if options.devices is None and not station.asks:
        raise NotUnderstood(
            f"{word} on {many} needs -devices {len(devices)} where none can be asked"
        )
    spec, person = inner.command.spec, station.responder.person
    waiting = second_person.waiting(station.broker, person, spec, devices)
    if (spec.queued or waiting) and not (options.comment or station.here.comment):
        comment = await station.action_comment(word, many)
        if comment is None:
            raise Refused(f"{word} on {many} needs a comment; add -comment 'case and reason'")
        inner = _with(inner, comment=comment)
    else:
        inner = await _commented(station, inner, devices)
    question = None
    if not options.yes and _allowed(station, inner, devices):
        asked = of_device(inner, "each") if inner.command.spec.bound else inner
        question = await asked.command.question(station.here.desk(inner.options))
    if question is not None and not station.asks:
        raise question
    if station.asks:
        station.say(_plan(inner, devices, waiting, told=question is not None))
        if question is not None:
            station.say(question.question)
    if options.devices is None and not options.yes:
        ask = f"Type the number of devices to {word} {'it' if len(devices) == 1 else 'them'}"
        if not await station.answer(f"{ask} (Enter: no): ", str(len(devices))):
            raise Refused(f"{word} on {many} was not answered with their number; nothing was run")
    return _with(inner, yes=True)


def _plan(inner: TypedLine, devices: list[Device], waiting: int, *, told: bool) -> str:
    names = " ".join(device.name for device in devices[:MOST_SHOWN])
    left = len(devices) - MOST_SHOWN
    if left > 0:
        names += f" and {left:,} more"
    offline = sum(not device.online for device in devices)
    parts = [f"{visible(inner.text)} on {_many(devices)}: {names}"]
    parts += [f"{offline:,} of them offline"] if offline else []
    verb = "waits" if waiting == 1 else "wait"
    parts += [f"{waiting:,} of them {verb} for a second person"] if waiting else []
    if inner.options.comment and not told and inner.options.comment not in inner.text:
        parts.append(f"comment: {visible(inner.options.comment)}")
    return "; ".join(parts)


def _many(devices: list[Device]) -> str:
    return "1 device" if len(devices) == 1 else f"{len(devices):,} devices"


def _with(inner: TypedLine, *, comment: str | None = None, yes: bool = False) -> TypedLine:
    options = dataclasses.replace(
        inner.options,
        comment=comment or inner.options.comment,
        yes=yes or inner.options.yes,
    )
    return dataclasses.replace(inner, options=options)
