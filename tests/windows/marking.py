"""A module's tree with a mark before each statement: what it does, and a word of where it is.

The mark is a look into a mapping by file, first line and last line. Of a compound statement these
are the lines of its head; what is below it has marks of its own.
"""

import ast


def marked(source: bytes, file: str, mapping: str) -> ast.Module:
    """What to compile in place of the source; `mapping` is a name that is known everywhere."""
    tree = ast.parse(source, file)
    _Marker(file, mapping).visit(tree)
    return ast.fix_missing_locations(tree)


class _Marker(ast.NodeVisitor):
    def __init__(self, file: str, mapping: str) -> None:
        self._file, self._mapping = file, mapping

    def generic_visit(self, node: ast.AST) -> None:
        super().generic_visit(node)
        for part in ("body", "orelse", "finalbody"):
            body = getattr(node, part, None)
            if isinstance(body, list):
                setattr(node, part, self._with_marks(body, node if part == "body" else None))

    def _with_marks(self, body: list[ast.stmt], leads: ast.AST | None) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        if isinstance(leads, ast.ExceptHandler):
            found.append(self._mark(leads.lineno, _first(body[0]) - 1))
        elif isinstance(leads, ast.match_case):
            found.append(self._mark(leads.pattern.lineno, _first(body[0]) - 1))
        for one in body:
            if not _stays_first(one):
                found.append(self._mark(_first(one), _last(one)))
            found.append(one)
        return found

    def _mark(self, first: int, last: int) -> ast.stmt:
        words: list[ast.expr] = [ast.Constant(one) for one in (self._file, first, max(first, last))]
        name, key = ast.Name(self._mapping, ast.Load()), ast.Tuple(words, ast.Load())
        place = ast.Pass(lineno=first, end_lineno=first, col_offset=0, end_col_offset=0)
        return ast.copy_location(ast.Expr(ast.Subscript(name, key, ast.Load())), place)


def _first(one: ast.stmt) -> int:
    """A decorator stands before what it decorates."""
    decorators: list[ast.expr] = getattr(one, "decorator_list", [])
    return min([one.lineno, *(each.lineno for each in decorators)])


def _last(one: ast.stmt) -> int:
    """Of a simple statement, or of a compound one's head."""
    if isinstance(one, ast.Match):
        return one.cases[0].pattern.lineno - 1
    body = getattr(one, "body", None)
    return _first(body[0]) - 1 if body else one.end_lineno or one.lineno


def _stays_first(one: ast.stmt) -> bool:
    """What counts only where nothing stands before it."""
    if isinstance(one, ast.ImportFrom):
        return one.module == "__future__"
    return isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
