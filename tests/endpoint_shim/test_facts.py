"""What Hello carries."""

import pytest

from commands.language import wire
from endpoint_shim import facts


def test_facts_fit_the_wire_and_carry_the_reason_for_a_weaker_stop() -> None:
    found = facts.read("no cgroup " + "x" * 500)
    assert len(found.weaker_stop) == 256 and found.host and found.system
    assert found.boot_ms < facts.clock_ms()


def test_the_account_of_the_shim_is_told_without_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert facts.read("").runs_as == "root"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert facts.read("").runs_as == "uid 1000" and not facts.read("").user_looked_up


def test_a_declaration_is_of_a_word_that_a_device_runs() -> None:
    found = facts.declarations()
    assert {"processes", "getfile", "shell", "run"} <= set(found)
    assert not {"library", "exit", "help"} & set(found)
    hello = wire.Hello(
        version=1, shim="0.1.0", facts=facts.read(""), clock_ms=0, declarations=found
    )
    assert len(wire.encode(hello)) < wire.MAX_BEFORE_HELLO
