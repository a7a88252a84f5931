"""Tags: the broker's alone, a right of its own, counting at once; a device only proposes them."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from commands.language.errors import Refused
from server.audit.device_records import TagsChanged
from tests.doors.rig import RULES, Rig, start_device
from tests.journeys.rig import until

pytestmark = pytest.mark.needs("ssh")

TAGGERS = RULES.replace("{library: write}", "{library: write, tags: write}")


async def rows(rig: Rig, line: str, person: str = "alice") -> list[dict[str, object]]:
    ran = await rig.run(person, f"{line} -output json")
    assert ran.status == 0, ran.err
    return list(json.loads(ran.out))


async def rules(rig: Rig, text: str) -> None:
    rig.write_access(rules=text)
    assert rig.broker is not None
    wanted = hashlib.sha256((rig.state / "access.yaml").read_bytes()).hexdigest()
    async with asyncio.timeout(20):
        while rig.broker.access.rules.sha256 != wanted:
            await rig.broker.access.reload_if_changed()


async def test_tags_are_kept_by_the_broker_without_the_device_and_over_a_restart(rig: Rig) -> None:
    await rules(rig, TAGGERS)
    device = await start_device(rig, "web-01")
    await device.stop()
    assert await rows(rig, "on web-01 tag add Web") == [{"tag": "Web", "state": "added"}]
    assert (await rows(rig, "on web-01 tag add WEB"))[0]["state"] == "was set"
    assert (await rows(rig, "on WEB-01 tag add prod"))[0]["state"] == "added"
    assert [row["tag"] for row in await rows(rig, "on web-01 tag")] == ["Web", "prod"]
    removed = await rows(rig, "on web-01 tag remove wEb")
    assert removed == [{"tag": "Web", "state": "removed"}]
    assert (await rows(rig, "on web-01 tag remove web"))[0]["state"] == "was not set"
    assert rig.broker is not None
    changed = [body for body in await rig.journal() if isinstance(body, TagsChanged)]
    assert [(c.by, c.name, c.added, c.removed) for c in changed] == [
        ("alice", "web-01", ["Web"], []),
        ("alice", "web-01", ["prod"], []),
        ("alice", "web-01", [], ["Web"]),
    ]
    assert all(c.session.startswith("S") for c in changed)
    config = rig.broker.config
    await rig.stop()
    rig.broker = await type(rig.broker).start(config)
    assert [(d.name, d.tags) for d in rig.broker.inventory.all()] == [("web-01", ("prod",))]


async def test_who_may_not_write_tags_is_refused_and_may_list_them(rig: Rig) -> None:
    device = await start_device(rig, "web-01")
    ran = await rig.run("alice", "on web-01 tag add web")
    assert ran.status == 3 and "needs the right tags: write" in ran.err
    ran = await rig.run("bob", "on web-01 tag add web")
    assert ran.status == 3 and "needs advanced, you are basic" in ran.err
    assert await rows(rig, "on web-01 tag list") == []
    ran = await rig.run("alice", "tag add web")
    assert ran.status == 2 and "on NAME tag add" in ran.err
    assert (await rig.run("alice", "on web-01 tag add 'two words'")).status == 2
    assert rig.broker is not None and rig.broker.inventory.all()[0].tags == ()
    await device.stop()


OWN = """\
rules:
  - {name: lab, people: [alice], role: advanced, devices: [tag:lab]}
  - {name: web, people: [alice], role: advanced, devices: all, deny: [shell],
     rights: {tags: write}}
  - {name: see, people: [bob], role: basic, devices: [tag:web]}
"""


async def test_nobody_gives_himself_a_right_by_a_tag_and_what_it_gives_others_counts_at_once(
    rig: Rig,
) -> None:
    device = await start_device(rig, "web-01")
    await rules(rig, OWN)
    for line in ("on web-01 tag add lab", "on web-01 tag add LAB"):
        ran = await rig.run("alice", line)
        assert ran.status == 3
        assert "would change what you yourself may do there (rule lab," in ran.err
    assert (await rig.run("bob", "on web-01 processes -pid 1")).status == 4
    assert (await rig.run("alice", "on web-01 tag add web")).status == 0
    assert (await rig.run("bob", "on web-01 processes -pid 1")).status == 0
    assert (await rig.run("alice", "on web-01 tag remove web")).status == 0
    assert (await rig.run("bob", "on web-01 processes -pid 1")).status == 4
    await device.stop()


async def test_a_tag_taken_away_ends_the_session_that_it_had_allowed(rig: Rig) -> None:
    device = await start_device(rig, "web-01")
    await rules(rig, OWN)
    assert (await rig.run("alice", "on web-01 tag add web")).status == 0
    opened = asyncio.create_task(rig.run("bob", "on web-01 findfile no-such-name-anywhere"))
    assert rig.broker is not None
    live = rig.broker.sessions.live
    await asyncio.to_thread(until, "it runs", lambda: any(s.running for s in [*live.values()]))
    assert (await rig.run("alice", "on web-01 tag remove web")).status == 0
    assert (await opened).status != 0
    await device.stop()


async def test_a_device_proposes_and_nothing_selects_by_that(rig: Rig, tmp_path: Path) -> None:
    device = await start_device(rig, "web-01")
    (device.state / "tags").write_text("isolate\nweb\n")
    assert rig.broker is not None
    [known] = rig.broker.inventory.all()
    await asyncio.to_thread(until, "it proposes", lambda: known.facts and known.facts.tags)
    assert [(r["tag"], r["state"]) for r in await rows(rig, "on web-01 tag")] == [
        ("isolate", "proposed"),
        ("web", "proposed"),
    ]
    [row] = await rows(rig, "devices")
    assert (row["tags"], row["proposed"]) == ("", "isolate web")
    assert (await rig.run("alice", "devices tag:isolate")).status == 4
    assert await rows(rig, "devices -tag web") == []
    assert not known.isolated
    await device.stop()


async def test_devices_are_filtered_by_selector_and_by_flags(rig: Rig) -> None:
    await rules(rig, TAGGERS)
    device = await start_device(rig, "web-01")
    gone = await start_device(rig, "db-01")
    await gone.stop()
    assert rig.broker is not None
    every = rig.broker.inventory.all()
    await asyncio.to_thread(until, "it is offline", lambda: not every[0].online)
    assert (await rig.run("alice", "on db-01 tag add Data")).status == 0
    for line, names in (
        ("devices", ["db-01", "web-01"]),
        ("devices -online", ["web-01"]),
        ("devices -tag data", ["db-01"]),
        ("devices '!tag:data'", ["web-01"]),
        ("devices platform:linux,!web-*", ["db-01"]),
        ("devices -isolated", []),
        ("devices -restricted", []),
    ):
        assert [row["name"] for row in await rows(rig, line)] == names, line
    assert (await rig.run("alice", "devices web-09")).status == 4
    assert await rows(rig, "tag list") == [{"tag": "Data", "devices": 1}]
    await device.stop()


async def test_no_device_may_be_called_what_a_selector_means(rig: Rig) -> None:
    for name in ("all", "Isolated", "restricted"):
        with pytest.raises(Refused, match="no name a device can have"):
            await start_device(rig, name)


async def test_a_token_takes_only_tags_that_a_rule_can_name(rig: Rig) -> None:
    ran = await rig.run("olga", "token new -tags 'web,two words'")
    assert ran.status == 2 and "two words is no tag" in ran.err
