"""`collect` of this machine, beside a shell script that runs the same tools on it.

The script is made from the recipe that the shim follows: the same programs with the same arguments,
`cp --parents` for the same paths, `ps` and `ss` for the shim's own two lists, then sha256sum over
all of it and `zip -1`. It runs here, as a person on the device would run it: no line, no broker, no
record, no signature.
"""

import shlex
import shutil
import subprocess
import time
from pathlib import Path

from bench.fireline import Fireline
from bench.peers import Peers
from bench.table import Row, alternate, middle
from endpoint_shim.collecting.recipes import MOST, SHIPPED, Point, parse
from endpoint_shim.linux.login import PATH

LISTS = {"processes": "ps -eo pid,ppid,user,args -ww", "connections": "ss -anp"}
AIM = 1.3


def collect(fireline: Fireline, _: Peers, folder: Path, quick: bool) -> list[Row]:
    script = folder / "collect.sh"
    script.write_text(_script(folder / "package", folder / "package.zip"))
    took = alternate(
        1 if quick else 5,
        {"ours": lambda: _ours(fireline), "theirs": lambda: _theirs(script, folder)},
    )
    ours, theirs = middle(took["ours"]), middle(took["theirs"])
    beside = "a script of the same tools"
    return [Row("`collect` here", f"{ours:.1f} s", beside, f"{theirs:.1f} s", ours / theirs, AIM)]


def _ours(fireline: Fireline) -> float:
    began = time.perf_counter()
    ran = subprocess.run(fireline.on("collect -comment bench"), capture_output=True, text=True)
    took = time.perf_counter() - began
    if ran.returncode or "succeeded" not in ran.stderr:
        raise RuntimeError(ran.stderr[-2000:])
    return took


def _theirs(script: Path, folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["bash", str(script)], check=True, stdin=subprocess.DEVNULL)
    took = time.perf_counter() - began
    shutil.rmtree(folder / "package")
    (folder / "package.zip").unlink()
    return took


def _script(package: Path, archive: Path) -> str:
    points = parse((SHIPPED / "linux.yaml").read_bytes()).points
    homes = "$(cut -d: -f6 /etc/passwd | grep -v '^/$' | sort -u)"
    lines = [
        f"export PATH={PATH} LC_ALL=C.UTF-8; umask 077",
        "shopt -s nullglob globstar dotglob",
        f"homes={homes}",
        f"mkdir -p {shlex.quote(str(package))}; cd {shlex.quote(str(package))} || exit 1",
        *(line for point in points for line in _lines(point)),
        "find . -type f ! -name MANIFEST.sha256 -print0 | xargs -0 sha256sum > MANIFEST.sha256",
        f"zip -1 -q -r {shlex.quote(str(archive))} .",
    ]
    return "\n".join(lines) + "\n"


def _lines(point: Point) -> list[str]:
    folder = shlex.quote(point.folder)
    lines = [f"mkdir -p {folder}"]
    file = f"{folder}/{shlex.quote(point.file)}"
    if point.command:
        for turn, words in enumerate([point.command, *point.instead]):
            here = f"command -v {shlex.quote(words[0])} >/dev/null"
            run = " ; ".join(
                _run(one, point) for one in ([words, *point.also] if not turn else [words])
            )
            lines.append(f"[ -e {file} ] || ! {here} || {{ {run} ; }} > {file} 2>/dev/null")
    elif point.rows:
        lines.append(f"{LISTS[point.rows]} > {file}")
    for path in point.copy:
        if "{home}" in path:
            lines.append(
                f"for home in $homes; do {_copied(path.replace('{home}', '$home'), folder)}; done"
            )
        else:
            lines.append(_copied(path, folder))
    return lines


def _run(words: list[str], point: Point) -> str:
    return f"timeout {point.limit_s:g} {shlex.join(words)} | head -c {point.most or MOST}"


def _copied(path: str, folder: str) -> str:
    taken = f'[ -f "$f" ] && [ ! -L "$f" ] && cp --parents "$f" {folder} 2>/dev/null'
    return f"for f in {path}; do {taken}; done"
