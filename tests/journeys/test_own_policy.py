"""The device's own say, as a person meets it: first screen, help, refusals with the line."""

from collections.abc import Iterator

import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "db-02"
POLICY = """\
# what this machine does not do

deny = ["shell"]
off_limits = [
  "/srv/payroll",
]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20}
    with House(tmp_path_factory.mktemp("own") / "house", limits) as house:
        house.start_shim(DEVICE)
        policy = house.shims[DEVICE].state / "policy.toml"
        policy.write_text(POLICY)
        policy.chmod(0o600)
        until("the broker knows", lambda: "refused" in house.run(f"why shell {DEVICE}").out)
        yield house


def line(number: int) -> str:
    return rf"\(policy\.toml line {number}\)"


def test_the_first_screen_and_help_name_what_it_forbids(house: House) -> None:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(r"^user    (\S+ signed in|none signed in)")
        s.until(rf"^you     advanced \(.*\); {DEVICE} forbids shell, /srv/payroll$")
        s.enter("help")
        s.until(rf"not here: shell exec \({DEVICE} forbids it, policy\.toml\s+line\s+3\)$")
        s.enter("shell")
        s.until(rf"^refused: shell on {DEVICE} by its own policy {line(3)}; run is allowed$")
        s.enter("dir /srv/payroll/x")
        s.until(rf"^refused: /srv/payroll/x on {DEVICE} by its own policy {line(5)}; only the")
        s.until(r"device's owner can change that\b")
        s.enter("exit")
        s.status(30)


def test_why_says_what_the_device_forbids_beside_the_rule(house: House) -> None:
    allowed, refused = house.run(f"why shell {DEVICE}").out.splitlines()
    assert allowed.startswith(f"allowed: shell on {DEVICE}: you are advanced (rule ")
    said = f"refused all the same: shell on {DEVICE} by its own policy (policy.toml line 3)"
    assert refused == said
    assert len(house.run(f"why run {DEVICE}").out.splitlines()) == 1


def test_a_broken_policy_lets_nothing_run_and_says_how_to_mend_it(house: House) -> None:
    policy = house.shims[DEVICE].state / "policy.toml"
    policy.write_text(POLICY.replace('"]', '"'))
    until("the broker knows", lambda: "is broken" in house.run(f"why dir {DEVICE}").out)
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=200) as s:
        s.until(rf"; {DEVICE} runs nothing: policy\.toml line 4: unclosed array$")
        for line in ("dir /", "processes", "cat /etc/hostname", "shell"):
            word = line.split()[0]
            s.enter(line)
            s.until(
                rf"^refused: {word} on {DEVICE}: its own policy is broken, so nothing runs there "
                r"\(policy\.toml line 4: unclosed array\); mend it, then fireline-endpoint check$"
            )
        s.enter("help")
        s.until(r"not here: .*dir .*\(its policy is broken\)")
        policy.write_text(POLICY)
        until("the broker knows", lambda: "refused" not in house.run(f"why dir {DEVICE}").out)
        s.enter("pwd")
        s.until(r"^/$")
        s.enter("exit")
        s.status(30)


def test_a_shell_says_whose_account_it_has(house: House) -> None:
    (house.shims[DEVICE].state / "policy.toml").unlink()
    until("it is allowed", lambda: "refused" not in house.run(f"why shell {DEVICE}").out)
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        s.enter("shell")
        s.until(
            rf"^shell on {DEVICE} as (root|uid \d+), recorded; Ctrl-\] or F12 leaves it running$"
        )
        s.type("exit\r")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith(f"{DEVICE} "))
        s.enter("exit")
        s.status(30)
