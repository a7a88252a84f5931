"""Misbehaviours of an enrolled device that would make a false success or false evidence."""

import hashlib

from tests.journeys.hostile_cases import SHA, Houses, case, cut, running, said_by
from tests.journeys.scripted import Said, Scripted

ABC = hashlib.sha256(b"abc").hexdigest()
BIG = hashlib.sha256(bytes(8 << 20)).hexdigest()
PLANTED: Said = {"item": "into", "where": "file", "name": "/planted", "size": 3}
TAKEN: Said = {"item": "taken", "size": 3, "sha256": ABC}
DONE: Said = {"item": "done"}
HUGE = 10**400


async def answered(bad: Scripted, line: str, *answer: Said | bytes) -> str:
    """What the person of a command is told, where these frames are the device's whole answer."""
    evidence = bad.house.home / "evidence"
    before = sorted(evidence.rglob("*"))
    async with running(bad, line) as (_line, stream, asked):
        await stream.together(*answer)
        text = await said_by(asked)
        await cut(stream)
    kept = [path for path in sorted(evidence.rglob("*")) if path not in before and path.is_file()]
    assert not [path for path in kept if not path.name.endswith(".partial")], kept
    return text


# A success on a device's word alone.
@case("done, and no file", "done, and no file; its stream was closed")
async def done_without_the_file(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "getfile /etc/hostname", DONE)


@case("done, and not what it wrote", "done, and not what it wrote; its stream was closed")
async def done_without_what_was_written(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "putfile big.bin -path /tmp/never", DONE)


@case("done, and no folder", "done, and no folder")
async def done_without_the_folder(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "cd /tmp", DONE)


@case("done, with exit code 3", "done, with exit code 3")
async def done_with_the_code_of_a_failure(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "run big.bin", {**DONE, "exit_code": 3})


@case("99 bytes with sha256", "written where 8,388,608 with")
async def another_file_was_written(bad: Scripted, _: Houses) -> str:
    written = {"item": "written", "path": "/tmp/never", "size": 99, "sha256": SHA}
    return await answered(bad, "putfile big.bin -path /tmp/never", written, DONE)


@case("where /tmp/never was meant", "/other written where /tmp/never was meant")
async def it_was_written_elsewhere(bad: Scripted, _: Houses) -> str:
    written = {"item": "written", "path": "/other", "size": 8 << 20, "sha256": BIG}
    return await answered(bad, "putfile big.bin -path /tmp/never", written, DONE)


# Items of another word.
@case("processes gives no file", "processes gives no file")
async def a_file_planted_by_processes(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "processes", PLANTED, b"abc", TAKEN, DONE)


@case("cat gives no file", "cat gives no file")
async def a_file_planted_by_cat(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "cat /etc/hostname", PLANTED, b"abc", TAKEN, DONE)


@case("/etc/shadow where /a was asked for", "/etc/shadow where /a was asked for")
async def another_file_than_was_asked_for(bad: Scripted, _: Houses) -> str:
    into = {**PLANTED, "name": "/etc/shadow"}
    return await answered(bad, "getfile /a", into, b"abc", TAKEN, DONE)


@case("a second file", "a second file")
async def two_files_of_one_getfile(bad: Scripted, _: Houses) -> str:
    into = {**PLANTED, "name": "/a"}
    return await answered(bad, "getfile /a", into, b"abc", TAKEN, into, b"abc", TAKEN, DONE)


# Zeros that nobody sent.
@case("processes gives no hole", "processes gives no hole")
async def a_hole_in_processes(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "processes", {"item": "hole", "size": 1}, DONE)


@case("more of its file than the 3 bytes announced", "more of its file than the 3 bytes announced")
async def a_hole_that_is_longer_than_the_file(bad: Scripted, _: Houses) -> str:
    into = {**PLANTED, "name": "/a", "holes": 3}
    return await answered(bad, "getfile /a", into, {"item": "hole", "size": 4}, TAKEN, DONE)


@case("4 bytes of holes in a file of 3", "4 bytes of holes in a file of 3")
async def more_holes_than_file(bad: Scripted, _: Houses) -> str:
    into = {**PLANTED, "name": "/a", "holes": 4}
    return await answered(bad, "getfile /a", into, b"abc", TAKEN, DONE)


@case("sent a frame that is no message", "sent a frame that is no message")
async def a_hole_that_takes_a_year_to_hash(bad: Scripted, _: Houses) -> str:
    into = {**PLANTED, "name": "/a", "size": 100 << 30, "holes": 100 << 30}
    return await answered(bad, "getfile /a", into, {"item": "hole", "size": 100 << 30}, DONE)


@case("processes gives no written", "processes gives no written")
async def processes_says_it_wrote(bad: Scripted, _: Houses) -> str:
    written = {"item": "written", "path": "/other", "size": 99, "sha256": SHA}
    return await answered(bad, "processes", written, DONE)


@case("processes gives no folder", "processes gives no folder")
async def processes_moves_the_person(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "processes", {"item": "folder", "path": "/elsewhere"}, DONE)


@case("processes gives no undoable", "processes gives no undoable")
async def processes_says_how_it_is_undone(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "processes", {"item": "undoable", "line": "run evil"}, DONE)


@case("processes gives no bytes", "processes gives no bytes")
async def bytes_of_processes(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "processes", b"root:x:0:0", DONE)


@case("processes gives no stdout", "processes gives no stdout")
async def output_of_processes(bad: Scripted, _: Houses) -> str:
    return await answered(bad, "processes", {"item": "into", "where": "stdout"}, b"x", DONE)


# Numbers that no system counts to.
@case("sent a frame that is no message", "sent a frame that is no message")
async def progress_without_measure(bad: Scripted, _: Houses) -> str:
    progress = f'{{"item":"progress","done":{HUGE},"total":1}}'
    async with running(bad, "processes") as (_line, stream, asked):
        await stream.say(progress)
        return await said_by(asked)


@case("does not fit", "does not fit")
async def a_row_with_a_number_without_measure(bad: Scripted, _: Houses) -> str:
    async with running(bad, "processes") as (_line, stream, asked):
        await stream.say(f'{{"item":"row","row":{{"pid":{HUGE},"name":"x"}}}}')
        return await said_by(asked)


@case("sent a frame that is no message", "sent a frame that is no message")
async def an_exit_code_without_measure(bad: Scripted, _: Houses) -> str:
    async with running(bad, "run big.bin") as (_line, stream, asked):
        await stream.say(f'{{"item":"done","exit_code":{2**32}}}')
        return await said_by(asked)
