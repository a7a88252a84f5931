"""What is collected, as data: the recipe that ships with the shim, and the owner's own.

1. A data point is one of: a command, copies of files, registry keys, one of the shim's own lists,
   a text. It gives one file of its folder, or one for each thing that it names.
2. The owner's recipes lie in `recipes.d` of the state folder; root alone (or the shim's own user,
   where that is not root) may be able to write them. One that is not usable is told in the summary
   and stops nothing.
3. YAML by the safe loader, without anchors: a small file must not become a large value.
"""

import errno
import hashlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from endpoint_shim.trusted_file import read_trusted

FOLDER = "recipes.d"
SHIPPED = Path(__file__).parent.parent / "recipes"
PLATFORM = "windows" if sys.platform == "win32" else "linux"
MAX_FILE = 256 * 1024
MAX_FILES = 100
MAX_POINTS = 2000
LIMIT_S = 30.0
MOST = 64 * 1024 * 1024
MOST_FILES = 2000

Label = Annotated[str, Meta(min_length=1, max_length=200)]
Word = Annotated[str, Meta(max_length=4096)]
Words = Annotated[list[Word], Meta(max_length=200)]
HINTS = {
    r"Expected `str`, got `(int|float|bool|null)`": "such a word is written in quotes",
    "Expected `array`, got": "a list is written [one, two]",
    "Expected `object`, got": "a recipe begins with `points:`, and each data point is {key: value}",
    "unknown field": "docs/collect.md has the keys",
}
WAYS = ("command", "copy", "registry", "rows", "text")


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One data point."""

    folder: Label
    file: Annotated[str, Meta(max_length=200)] = ""
    """Its name in the folder; of copies: the file that lists them, if there is to be one."""
    command: Words = []
    """A program of the system's own folders and its arguments; `{out}` is a file that it writes."""
    also: Annotated[list[Words], Meta(max_length=20)] = []
    """Further commands whose output follows in the same file."""
    instead: Annotated[list[Words], Meta(max_length=20)] = []
    """What is tried, in order, where the command's program is not on the device."""
    copy: Words = []
    """Paths; * ? [ab] in any part, ** for any folders, {home} for every user's."""
    into: Annotated[str, Meta(max_length=200)] = ""
    """A folder for the copies, which then lie side by side in it, not below their own paths; `.`
    is the data point's own."""
    named: Annotated[str, Meta(max_length=200)] = ""
    """What a copy is called, where not as its file is."""
    registry: Words = []
    """Keys, a file for each; `HKU\\{user}` is every user's that is loaded."""
    rows: Annotated[str, Meta(max_length=100)] = ""
    """One of the shim's own lists."""
    text: Annotated[str, Meta(max_length=65_536)] = ""
    missing: Annotated[str, Meta(max_length=1000)] = ""
    """What the file holds where there is nothing."""
    since: Annotated[list[Annotated[str, Meta(pattern=r"^\d+\.\d+\Z")]], Meta(max_length=50)] = []
    """Windows: the first build and revision of each release that has it; else it is left alone."""
    limit_s: Annotated[float, Meta(gt=0, le=3600)] = LIMIT_S
    success: Annotated[tuple[int, ...], Meta(max_length=50)] = (0,)
    """Exit codes of a command that are none of a failure."""
    most: Annotated[int, Meta(gt=0, le=1 << 40)] | None = None
    """Bytes of one file; of a command 64 MiB where nothing is said, of a copy all that it has."""
    most_files: Annotated[int, Meta(gt=0, le=20_000)] = MOST_FILES

    @property
    def shown(self) -> str:
        return f"{self.folder}/{self.file or self.into}".rstrip("/")

    @property
    def what(self) -> str:
        """What it does, for the plan and the summary."""
        if self.command:
            return " ".join(self.command)
        if self.copy or self.registry:
            return ", ".join(self.copy or self.registry)
        return f"list of {self.rows}" if self.rows else "text"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    points: Annotated[list[Point], Meta(max_length=MAX_POINTS)] = []
    versions: dict[str, Words] = {}


@dataclass
class Recipes:
    """All that is to be collected here."""

    points: list[Point] = field(default_factory=list)
    versions: dict[str, list[str]] = field(default_factory=dict)
    """Program -> what it is asked for its version."""
    read: dict[str, str] = field(default_factory=dict)
    """File -> its SHA-256."""
    unusable: dict[str, str] = field(default_factory=dict)
    """File of the owner's -> why it does not count."""

    def folders(self) -> list[str]:
        return list(dict.fromkeys(point.folder for point in self.points))

    def add(self, name: str, data: bytes) -> None:
        """Raises ValueError with a sentence for a mistake in it."""
        found = parse(data)
        self.points += found.points
        self.versions |= {one: list(words) for one, words in found.versions.items()}
        self.read[name] = hashlib.sha256(data).hexdigest()


def load(state: Path) -> Recipes:
    """The shipped recipe of this platform, then the owner's in the order of their names."""
    found = Recipes()
    name = f"{PLATFORM}.yaml"
    found.add(name, (SHIPPED / name).read_bytes())
    for path in _own(state / FOLDER, found):
        try:
            found.add(f"{FOLDER}/{path.name}", read_trusted(path, MAX_FILE))
        except (OSError, ValueError) as error:
            found.unusable[f"{FOLDER}/{path.name}"] = _reason(error)[:1000]
    return found


def _reason(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.ELOOP:
        return "it is a link; a recipe is a plain file"
    return error.strerror or str(error)


def _own(folder: Path, found: Recipes) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except FileNotFoundError:
        return []
    except OSError as error:
        found.unusable[FOLDER] = error.strerror or str(error)
        return []
    if len(paths) > MAX_FILES:
        found.unusable[FOLDER] = f"it holds {len(paths)} recipes; the first {MAX_FILES} are read"
    return paths[:MAX_FILES]


def parse(data: bytes) -> _File:
    """The recipe in a file's bytes; raises ValueError with a sentence for a mistake in it."""
    value = _value(data)
    try:
        found = msgspec.convert({} if value is None else value, _File)
    except msgspec.ValidationError as error:
        raise ValueError(_in_words(str(error))) from None
    for number, point in enumerate(found.points, 1):
        if why := _mistake(point):
            raise ValueError(f"{why} - at data point {number} ({point.shown})")
    return found


def _in_words(said: str) -> str:
    """What is wrong, where as a person counts, and how it is written right."""
    said = re.sub(r"`\$\.points\[(\d+)\]", lambda at: f"`data point {int(at[1]) + 1}", said)
    for sign, hint in HINTS.items():
        if re.search(sign, said):
            return f"{said}; {hint}"
    return said


def _value(data: bytes) -> Any:
    import yaml  # only who collects needs it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = data.decode("utf-8")
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = event.start_mark.line + 1 if event.start_mark is not None else 0
                raise ValueError(f"line {line}: anchors are not taken")
        return _loaded(loader(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise ValueError(f"{where}{getattr(error, 'problem', None) or 'no YAML'}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no YAML that is taken here: {error}") from None


def _loaded(loader: Any) -> Any:
    """What the safe loader makes of its text: `yaml.safe_load`, with libyaml's where it is."""
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _mistake(point: Point) -> str:
    ways = [way for way in WAYS if getattr(point, way)]
    if len(ways) != 1:
        return f"a data point has one of {', '.join(WAYS)}; this one has {len(ways)}"
    if not point.file and ways[0] in ("command", "text"):
        return f"a data point with {ways[0]} has a file"
    commands = [point.command, *point.also, *point.instead] if point.command else []
    if any(not words or not words[0] for words in commands):
        return "a command has a program"
    if (point.also or point.instead) and not point.command:
        return "also and instead follow a command"
    return ""
