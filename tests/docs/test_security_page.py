"""docs/security.md claims nothing without a test, and its example is a policy."""

import re

from endpoint_shim import policy
from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()


def test_each_claim_names_a_test_that_is_there() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not row.startswith(("| what holds", "|---"))]
    assert len(claims) > 15
    for claim in claims:
        named = re.findall(r"`(tests/[\w/.]+)`", claim)
        assert named, claim
        assert [name for name in named if not (ROOT / name).is_file()] == [], claim


def test_the_example_of_a_policy_is_one() -> None:
    example = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    said = policy.parse(example)
    assert (set(said.deny), set(said.off_limits)) == (
        {"shell", "run"},
        {"/etc/shadow", "/srv/payroll"},
    )


def test_what_is_not_promised_is_said() -> None:
    promised, _, rest = PAGE.partition("## What is not promised")
    for thing in ("stolen broker", "administrator", "rewrite", "Passwords", "Windows"):
        assert thing in rest
    assert "not promised" not in promised.split("\n", 1)[1]
