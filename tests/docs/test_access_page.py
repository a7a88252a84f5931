"""The example of docs/access.md is a file that the broker takes, and does what the page says."""

import re

from commands.language.command import Role
from server.identity.access import Ask, DeviceRef, Rules, comment_needed, decide
from server.identity.access_file import declared_words, parse_access_file
from server.identity.rules import DOORS, RIGHTS, ROLES
from server.identity.why import explain
from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs" / "access.md").read_text()
WEB, CRITICAL = DeviceRef("web-02"), DeviceRef("WEB-01", frozenset({"critical"}))


def rules() -> Rules:
    text = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    return parse_access_file("access.yaml", text.encode(), declared_words())


def asked(person: str, word: str, role: Role, device: DeviceRef | None) -> Ask:
    return Ask(person, word, role, None, device, "exec", has_comment=True)


def test_the_example_does_what_the_page_says() -> None:
    given = rules()
    assert decide(given, asked("alice", "run", "advanced", WEB)).allowed
    assert not decide(given, asked("alice", "run", "advanced", CRITICAL)).allowed
    assert decide(given, asked("alice", "dir", "basic", CRITICAL)).allowed
    for person in given.people:
        assert not decide(given, asked(person, "shell", "advanced", WEB)).allowed
    assert decide(given, asked("carol", "replay", "auditor", None)).allowed
    assert not decide(given, asked("carol", "dir", "basic", WEB)).allowed
    assert decide(given, asked("operator", "token", "operator", None)).allowed
    assert not decide(given, asked("operator", "sessions", "auditor", None)).allowed
    assert comment_needed(given, "bob", WEB, "console")
    assert not comment_needed(given, "bob", WEB, "exec")


def test_the_authority_on_the_page_is_taken_between_people_and_rules() -> None:
    example, authority = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    text = example.replace("rules:\n", f"{authority}rules:\n")
    (corp,) = parse_access_file("access.yaml", text.encode(), declared_words()).authorities
    assert corp.people == {"alice", "bob"}


def test_the_refusal_on_the_page_is_the_one_that_is_printed() -> None:
    device = DeviceRef("web-01", frozenset({"critical"}))
    shown = explain(rules(), asked("alice", "run", "advanced", device))[0]
    assert f"    {shown}\n" in PAGE


def test_the_page_names_every_role_right_and_door_that_there_is() -> None:
    for name in (*ROLES, *RIGHTS):
        assert f"{name}:" in PAGE or f"**{name}**" in PAGE
    doors = re.findall(r"per door: `([a-z ]+)`", PAGE)[0].split()
    assert set(doors) <= set(DOORS)
