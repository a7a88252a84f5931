"""What is never in the code (the threat model's section 13), as rules over one syntax tree.

A rule yields (line, words). What needs types, time or a running program stands in other tests.
"""

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import Source, imports

Found = Iterator[tuple[int, str]]

SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
CODE_FROM_TEXT = {"eval", "exec", "compile", "__import__"}
CODE_FROM_BYTES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
YAML_UNSAFE = {"load", "load_all", "full_load", "unsafe_load", "unsafe_load_all", "UnsafeLoader"}
CLOCK = {"time.time", "time.time_ns"}
QUEUES = {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"}
SECRET = re.compile(r"secret|passw|passphrase|\btoken_hash\b|token_digest|mac_?tag", re.I)
SQL_WORD = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA)\s")
RENAMES = {"os.rename", "os.replace"}
COMMITS = {"append", "commit", "write_durable"}


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute, `?` for what is neither."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{dotted(node.value)}.{node.attr}"
        case ast.Call():
            return f"{dotted(node.func)}()"
    return "?"


def calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    for node in source.nodes:
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in call.keywords if word.arg == name), None)


def constant(node: ast.AST | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def unverified_peer(source: Source) -> Found:
    for node in source.nodes:
        match node:
            case ast.Attribute(attr="CERT_NONE") | ast.Name(id="CERT_NONE"):
                yield node.lineno, "CERT_NONE"
            case ast.Assign(targets=[ast.Attribute(attr="check_hostname")]):
                if not constant(node.value, True):
                    yield node.lineno, "check_hostname off"
            case ast.Call():
                for name in ("verify", "check_hostname"):
                    if constant(keyword(node, name), False):
                        yield node.lineno, f"{name}=False"


def shell(source: Source) -> Found:
    for call, name in calls(source):
        if name in SHELLS or name.endswith("create_subprocess_shell"):
            yield call.lineno, name
        value = keyword(call, "shell")
        if value is not None and not constant(value, False) and "subprocess" in name:
            yield call.lineno, "shell="
    for node in source.nodes:
        match node:
            case ast.Constant(value=str(text)) if text.lower() in ("-command", "-encodedcommand"):
                yield node.lineno, f"text for powershell {text}"


def code_from_outside(source: Source) -> Found:
    for found in imports(source):
        if found.module.split(".")[0] in CODE_FROM_BYTES:
            yield found.line, found.module
        if found.module == "yaml" and YAML_UNSAFE & set(found.names):
            yield found.line, "yaml's unsafe loader"
    for call, name in calls(source):
        if name in CODE_FROM_TEXT:
            yield call.lineno, f"{name}()"
        if name.startswith("yaml.") and name.split(".")[1] in YAML_UNSAFE:
            yield call.lineno, name
        if name.endswith(".extractall"):
            yield call.lineno, "extractall"


def unbounded_queue(source: Source) -> Found:
    for call, name in calls(source):
        if name.split(".")[-1] not in QUEUES:
            continue
        size = keyword(call, "maxsize") or (call.args[0] if call.args else None)
        if size is None or (isinstance(size, ast.Constant) and not size.value):
            yield call.lineno, f"{name}() without a bound"


def unbounded_gather(source: Source) -> Found:
    for call, name in calls(source):
        if name.split(".")[-1] == "gather" and any(isinstance(a, ast.Starred) for a in call.args):
            yield call.lineno, "gather over a list"


def guessable(source: Source) -> Found:
    for found in imports(source):
        if found.module.split(".")[0] == "random":
            yield found.line, "random"


def wall_clock(source: Source) -> Found:
    for call, name in calls(source):
        if name in CLOCK or re.fullmatch(r"(datetime\.)?(datetime|date)\.(now|utcnow|today)", name):
            yield call.lineno, f"{name}()"
    for found in imports(source):
        if found.module == "time" and {"time", "time_ns"} & set(found.names):
            yield found.line, "time.time by its bare name"


def raises_on(handler: ast.ExceptHandler) -> bool:
    """Cleans up and raises the same again: catches nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def catches_everything(source: Source) -> Found:
    broad = {"Exception", "BaseException"}
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and not raises_on(node):
            named = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(one is None or dotted(one) in broad for one in named):
                yield node.lineno, "catches everything"
    for call, name in calls(source):
        if name.endswith("suppress") and any(dotted(word) in broad for word in call.args):
            yield call.lineno, "suppresses everything"


def task_without_owner(source: Source) -> Found:
    for node in source.nodes:
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            continue
        owner, _, function = dotted(node.value.func).rpartition(".")
        loop = owner in ("", "asyncio") or owner.split(".")[-1].strip("_()").endswith("loop")
        if function in ("create_task", "ensure_future") and loop:
            yield node.lineno, f"{function} whose task nobody keeps"


def secret_compared(source: Source) -> Found:
    for node in source.nodes:
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [dotted(side) for side in (node.left, *node.comparators)]
            if any(SECRET.search(side) for side in sides):
                yield node.lineno, f"{' == '.join(sides)}: hmac.compare_digest"


def sql_by_string(source: Source) -> Found:
    for node in source.nodes:
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *rest]):
                pasted = bool(rest) and bool(SQL_WORD.match(text))
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod() | ast.Add()):
                pasted = bool(SQL_WORD.match(text))
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
                pasted = bool(SQL_WORD.match(text))
            case _:
                continue
        if pasted:
            yield node.lineno, "SQL pasted together"


def rename_without_fsync(source: Source) -> Found:
    names = {node.id for node in source.nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in source.nodes if isinstance(node, ast.Attribute)}
    if any(re.search(r"fsync|fdatasync|durabl|FlushFileBuffers", name) for name in names):
        return
    for call, name in calls(source):
        if name in RENAMES or name.endswith(".rename"):
            yield call.lineno, f"{name} in a module that never fsyncs"


def commit_abandoned(source: Source) -> Found:
    for call, name in calls(source):
        inner = call.args[0] if call.args else None
        if name.split(".")[-1] != "wait_for" or not isinstance(inner, ast.Call):
            continue
        owner, _, function = dotted(inner.func).rpartition(".")
        if function in COMMITS and re.search(r"journal|store|record", owner):
            yield call.lineno, f"wait_for around {owner}.{function}"


RULES = (
    unverified_peer,
    shell,
    code_from_outside,
    unbounded_queue,
    unbounded_gather,
    guessable,
    wall_clock,
    catches_everything,
    task_without_owner,
    secret_compared,
    sql_by_string,
    rename_without_fsync,
    commit_abandoned,
)
