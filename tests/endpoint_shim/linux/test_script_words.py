"""Which file an interpreter is told to run."""

import pytest

from endpoint_shim.linux.script_words import STANDARD, is_interpreter, scripts_of


@pytest.mark.parametrize(
    ("line", "script"),
    [
        ("bash x.sh y", "x.sh"),
        ("bash -eu x.sh", "x.sh"),
        ("bash -o pipefail x.sh", "x.sh"),
        ("bash -euo pipefail x.sh", "x.sh"),
        ("bash +O extglob x.sh", "x.sh"),
        ("bash --norc x.sh", "x.sh"),
        ("bash --rcfile r x.sh", "x.sh"),
        ("bash -- -x.sh", "-x.sh"),
        ("dash x.sh -c", "x.sh"),
        ("python3 -I -X utf8 x.py", "x.py"),
        ("python3.11 -W error::Warning x.py", "x.py"),
        ("python3 x.py -m", "x.py"),
        ("perl -w -I lib x.pl", "x.pl"),
        ("perl -Ilib x.pl", "x.pl"),
        ("ruby -r json x.rb", "x.rb"),
        ("node --require a x.js", "x.js"),
        ("node --require=a x.js", "x.js"),
        ("lua5.4 -l a x.lua", "x.lua"),
        ("php -d a=b x.php", "x.php"),
        ("php -f x.php", "x.php"),
        ("php --file=x.php", "x.php"),
        ("awk -f x.awk data", "x.awk"),
        ("awk -fx.awk data", "x.awk"),
        ("awk -f x.awk -v a=b -f y.awk data", "x.awk+y.awk"),
        ("mawk -F : -f x.awk data", "x.awk"),
        ("busybox sh x.sh", "x.sh"),
        ("busybox env -i nice sh -eu x.sh", "x.sh"),
        ("csh -f x.csh", "x.csh"),
        ("fish -C cd x.fish", "x.fish"),
        ("perl5.36-x86_64-linux-gnu x.pl", "x.pl"),
    ],
)
def test_the_first_word_that_is_no_option_is_the_script(line: str, script: str) -> None:
    words = line.encode().split()
    assert scripts_of(b"/usr/bin/" + words[0], words) == script.encode().split(b"+")


@pytest.mark.parametrize(
    ("line", "script"),
    [
        ("bash -norc x.sh", "x.sh"),
        ("bash -rcfile r x.sh", "x.sh"),
        ("bash - x.sh", "x.sh"),
        ("bash -- -", "-"),
        ("dash - x.sh", "x.sh"),
        ("python3 -Wc x.py", "x.py"),
        ("python3 -BXm x.py", "x.py"),
        ("perl -Ie x.pl", "x.pl"),
        ("perl -Mfeature=say x.pl", "x.pl"),
        ("perl -pie x.pl", "x.pl"),
        ("perl -d:Trace x.pl", "x.pl"),
        ("perl -0xe x.pl", "x.pl"),
        ("ruby -W:no-experimental x.rb", "x.rb"),
        ("lua -ee=1 x.lua", "x.lua"),
        ("lua -eone x.lua", "x.lua"),
        ("php -dr=1 x.php", "x.php"),
        ("php -B 1 -F x.php", "x.php"),
        ("expect -c 1 x.exp", "x.exp"),
        ("gawk -E x.awk", "x.awk"),
        ("gawk -i x.awk 1", "x.awk"),
        ("gawk --exe=x.awk", "x.awk"),
        ("gawk -W exec=x.awk", "x.awk"),
        ("mawk -We x.awk", "x.awk"),
        ("mawk -W exec x.awk", "x.awk"),
    ],
)
def test_a_value_passes_for_no_option(line: str, script: str) -> None:
    """Each of these runs the script; a letter of a value must not hide it."""
    words = line.encode().split()
    assert scripts_of(b"/usr/bin/" + words[0], words) == [script.encode()]


@pytest.mark.parametrize(
    "line",
    [
        "bash -c x.sh",
        "bash -oc pipefail x.sh",
        "perl -0777ne x.pl",
        "perl -lde x.pl",
        "mawk -W interactive x.awk",
        "gawk -F e x.awk",
        "busybox env ls x.sh",
        "bash -lc x.sh",
        "sh -ec x.sh y",
        "python3 -m x.py",
        "python3 -Im x",
        "python3 -c x.py",
        "perl -ne x.pl",
        "perl -E x.pl",
        "ruby -e x.rb",
        "node -e x.js",
        "node --eval x.js",
        "php -r x.php",
        "awk -F : x.awk data",
        "busybox cat x.sh",
        "cat x.sh",
    ],
)
def test_a_program_in_the_words_or_by_name_is_no_file(line: str) -> None:
    words = line.encode().split()
    assert scripts_of(b"/usr/bin/" + words[0], words) == []


@pytest.mark.parametrize(
    "line", ["bash", "bash -", "python3 -", "bash -i", "sh -s x", "sh -es - x", "python3 -I"]
)
def test_without_one_it_is_standard_input(line: str) -> None:
    words = line.encode().split()
    assert scripts_of(b"/usr/bin/" + words[0], words) == [STANDARD]


def test_an_applet_is_called_by_its_own_name() -> None:
    assert scripts_of(b"/usr/bin/busybox", [b"sh", b"x.sh"]) == [b"x.sh"]
    assert scripts_of(b"/usr/bin/busybox", [b"ls", b"x.sh"]) == []
    assert scripts_of(b"/usr/bin/busybox", []) == []


def test_what_may_run_scripts_is_known_by_name() -> None:
    for name in (b"bash", b"python3.11", b"perl5.36.0", b"busybox", b"gawk"):
        assert is_interpreter(b"/usr/bin/" + name)
    for name in (b"bashful", b"true", b"sshd", b"pythonic"):
        assert not is_interpreter(b"/usr/bin/" + name)
