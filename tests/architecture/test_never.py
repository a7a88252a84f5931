"""What is never in the code, over all of it, with the few named places that may and why."""

import pytest

from tests.architecture import never
from tests.architecture.sources import parse, sources

pytestmark = pytest.mark.xdist_group("sources")

# (rule, module) -> how often it may, and why. An entry that is not needed any more fails too.
MAY: dict[tuple[str, str], tuple[int, str]] = {
    # Wall time: what people read, and what another machine's clock is compared with.
    ("wall_clock", "server/audit/clock.py"): (
        1,
        "for people, and for days that outlive the broker",
    ),
    ("wall_clock", "server/identity/device_ca.py"): (1, "a certificate's validity"),
    ("wall_clock", "server/live/device_line.py"): (1, "how far a device's clock is off"),
    ("wall_clock", "server/live/enrolment.py"): (4, "a token's expiry outlives the broker"),
    ("wall_clock", "endpoint_shim/facts.py"): (1, "the device's clock, for the broker to compare"),
    # The three borders: runner (one on each side), session, device connection.
    ("catches_everything", "server/live/desk_job.py"): (1, "the runner's border on the broker"),
    ("catches_everything", "server/live/push.py"): (1, "the same, for a command's input"),
    ("catches_everything", "endpoint_shim/runner.py"): (1, "the runner's border on the device"),
    ("catches_everything", "server/doors/ssh.py"): (1, "the session's border"),
    ("catches_everything", "server/doors/border.py"): (1, "the same, for one command's showing"),
    ("catches_everything", "server/doors/devices.py"): (1, "the device connection's border"),
}

PLANTED = {
    "unverified_peer": [
        "import ssl\nc.verify_mode = ssl.CERT_NONE",
        "c.check_hostname = False",
        "get(url, verify=False)",
    ],
    "shell": [
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import os\nos.system('ls')",
        "import asyncio\nasync def f(): await asyncio.create_subprocess_shell('ls')",
        "words = ['powershell', '-Command', text]",
    ],
    "code_from_outside": [
        "import pickle",
        "from marshal import loads",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "eval(text)",
        "exec(text)",
        "archive.extractall(folder)",
    ],
    "unbounded_queue": [
        "import asyncio\nq = asyncio.Queue()",
        "q = Queue(0)",
        "q = asyncio.Queue(maxsize=0)",
        "q = queue.SimpleQueue()",
        "q: asyncio.Queue[int] = asyncio.Queue()",
    ],
    "unbounded_gather": ["async def f(): await asyncio.gather(*(g(d) for d in devices))"],
    "guessable": ["import random", "from random import choice"],
    "wall_clock": [
        "import time\nx = time.time()",
        "from time import time",
        "x = datetime.now(UTC)",
        "x = datetime.datetime.now()",
    ],
    "catches_everything": [
        "try: f()\nexcept Exception: pass",
        "try: f()\nexcept: pass",
        "try: f()\nexcept (OSError, Exception) as error: log(error)",
        "with contextlib.suppress(Exception): f()",
    ],
    "task_without_owner": [
        "asyncio.create_task(f())",
        "asyncio.get_running_loop().create_task(f())",
        "self._loop.create_task(f())",
        "asyncio.ensure_future(f())",
    ],
    "secret_compared": ["ok = token_hash == given", "ok = self.secret != given.secret"],
    "sql_by_string": [
        'db.execute(f"SELECT * FROM devices WHERE name = {name}")',
        "db.execute('DELETE FROM devices WHERE name = %s' % name)",
        "db.execute('SELECT ' + columns)",
        "db.execute('SELECT {} FROM x'.format(columns))",
    ],
    "rename_without_fsync": ["import os\nos.replace(a, b)", "path.rename(other)"],
    "commit_abandoned": [
        "async def f(): await asyncio.wait_for(self.journal.append(body), 5)",
        "async def f(): await asyncio.wait_for(store.commit(), timeout=5)",
    ],
}
LET_BE = """
import asyncio, hmac, os, ssl, subprocess, time, yaml
from time import monotonic
c.verify_mode = ssl.CERT_REQUIRED
c.check_hostname = True
subprocess.run(["ls", "-Command-line"], shell=False)
q = asyncio.Queue(maxsize=64)
q = asyncio.Queue(64)
rules = yaml.safe_load(text)
began = time.monotonic()
task = asyncio.create_task(f())
tasks.add(asyncio.create_task(f()))
group.create_task(f())
try:
    f()
except OSError: pass
except BaseException:
    undo()
    raise
ok = hmac.compare_digest(secret, given)
db.execute("SELECT name FROM devices WHERE name = ?", (name,))
os.fsync(handle)
os.replace(a, b)
async def g() -> None:
    await asyncio.gather(a(), b())
    await asyncio.wait_for(stream.ready(), 5)
"""


def test_nothing_that_is_never_in_the_code_is_in_it() -> None:
    found = []
    for source in sources():
        for rule in never.RULES:
            seen = list(rule(source))
            if len(seen) > MAY.get((rule.__name__, source.path), (0, ""))[0]:
                found += [f"{source.path}:{line} {rule.__name__}: {words}" for line, words in seen]
    assert found == []


def test_every_exception_is_still_needed() -> None:
    rules = {rule.__name__: rule for rule in never.RULES}
    by_path = {source.path: source for source in sources()}
    stale = [
        (rule, path)
        for (rule, path), (count, _) in MAY.items()
        if path not in by_path or len(list(rules[rule](by_path[path]))) < count
    ]
    assert stale == []


@pytest.mark.parametrize("rule", never.RULES, ids=lambda rule: rule.__name__)
def test_a_planted_violation_is_seen(rule: object) -> None:
    name = rule.__name__  # type: ignore[attr-defined]
    for text in PLANTED[name]:
        found = list(getattr(never, name)(parse("server/live/session.py", text)))
        assert found, text


@pytest.mark.parametrize("rule", never.RULES, ids=lambda rule: rule.__name__)
def test_the_right_way_is_let_be(rule: object) -> None:
    name = rule.__name__  # type: ignore[attr-defined]
    assert list(getattr(never, name)(parse("server/live/session.py", LET_BE))) == []
