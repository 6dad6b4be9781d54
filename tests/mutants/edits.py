"""Small changes of the code, made by a program: each comparison, branch, constant and command once.

Knows Lua's tokens and Python's syntax tree; not what a change means, and not who notices it.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).parents[2]
LUA = sorted(
    path for path in (ROOT / "shared/store/lua").glob("*.lua") if path.stem != "metrics"
)  # that one only counts
PYTHON = tuple(
    ROOT / name
    for name in (
        *(
            f"shared/store/{name}.py"
            for name in ("admission", "deliveries", "entry", "event_log", "executions", "outbox")
        ),
        *(f"shared/store/{name}.py" for name in ("submissions", "sweep")),
        *(f"worker/{name}.py" for name in ("attempt", "lease", "life", "supervisor", "tasks", "watchdog")),
    )
)
LIMIT = 10  # numbers from here on are limits and times
_TOKEN = re.compile(
    r"(?P<space>\s+|--\[\[.*?\]\]|--[^\n]*)|(?P<text>'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\")"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[=~<>]=|\.\.\.?|.)",
    re.DOTALL,
)
_SWAPS = {
    "==": "~=", "~=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "and": "or", "or": "and", "true": "false",
    "false": "true", "+": "-",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """`new` in the place of what stands from `begin` to `end` (characters)."""

    path: Path
    begin: int
    end: int
    new: str

    def apply(self, root: Path) -> None:
        """In a copy of the tree."""
        text = self.path.read_text()
        self._write(root, text[: self.begin] + self.new + text[self.end :])

    def undo(self, root: Path) -> None:
        self._write(root, self.path.read_text())

    @property
    def named(self) -> tuple[str, str, str]:
        """Its file, the line's text and the change: what stays when lines are moved."""
        text = self.path.read_text()
        line = text[text.rfind("\n", 0, self.begin) + 1 :].partition("\n")[0].strip()
        return str(self.path.relative_to(ROOT)), line, self._change(text)

    def _write(self, root: Path, text: str) -> None:
        """A file of the same length within the same second would not be compiled anew."""
        target = root / self.path.relative_to(ROOT)
        target.write_text(text)
        Path(cache_from_source(str(target))).unlink(missing_ok=True)

    def _change(self, text: str) -> str:
        """With its column, for a line may have the same twice."""
        old = " ".join(text[self.begin : self.end].split())
        column = self.begin - text.rfind("\n", 0, self.begin)
        return f"{column}: {old[:60]} -> {self.new[:60]}"


def explained() -> set[tuple[str, str, str]]:
    """Edits, as they are named, by which nothing changes that a caller could see: explained.toml says why of each."""
    rows = tomllib.loads((Path(__file__).parent / "explained.toml").read_text())["edit"]
    return {(row["file"], row["line"], change) for row in rows for change in row["changes"]}


def edits() -> dict[str, Edit]:
    """All that there are, file by file, each by what it is called in the table; the same line twice in a file is told
    apart by its number."""
    found = [edit for path in LUA for edit in of_lua(path)] + [edit for path in PYTHON for edit in of_python(path)]
    seen: Counter[str] = Counter()
    called: dict[str, Edit] = {}
    for edit in found:
        name = ": ".join(edit.named)
        seen[name] += 1
        called[name if seen[name] == 1 else f"{name} ({seen[name]})"] = edit
    return called


def of_lua(path: Path) -> Iterator[Edit]:
    """Comparisons and constants become others, a branch is always or never taken, a command is not called."""
    tokens = [match for match in _TOKEN.finditer(path.read_text()) if match.lastgroup != "space"]
    for place, token in enumerate(tokens):
        word, begin, end = token[0], *token.span()
        if word in _SWAPS and token.lastgroup != "text":
            yield Edit(path, begin, end, _SWAPS[word])
        elif token.lastgroup == "number":
            yield Edit(path, begin, end, _another(int(float(word))))
        elif word == "not":
            yield Edit(path, begin, end, "")
        elif word == "if":
            condition = next(later for later in tokens[place:] if later[0] == "then")
            for always in ("true", "false"):
                yield Edit(path, end, condition.start(), f" {always} ")
        elif [each[0] for each in tokens[place : place + 4]] == ["redis", ".", "call", "("]:
            yield Edit(path, begin, tokens[place + 3].start(), "rawequal")  # takes anything, and answers false


def of_python(path: Path) -> Iterator[Edit]:
    """The same of Python: comparisons, `and` and `or`, `not`, conditions, and whole numbers."""
    text = path.read_text()
    begins = [0]
    for line in text.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            always = {"True", "False"} - {ast.unparse(node.test)}
            yield from (_at(path, begins, node.test, each) for each in sorted(always))
        if new := _changed(node):
            assert isinstance(node, ast.expr)
            yield _at(path, begins, node, f"({new})")


def _changed(node: ast.AST) -> str:
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in _COMPARISONS:
            return ast.unparse(ast.Compare(left, [_COMPARISONS[type(operator)]()], [right]))
        case ast.BoolOp(operator, values):
            return ast.unparse(ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values))
        case ast.UnaryOp(ast.Not(), operand):
            return ast.unparse(operand)
        case ast.Constant(value) if isinstance(value, int | float) and not isinstance(value, bool):
            return _another(value)
    return ""


def _another(number: float) -> str:
    """One more; but of a limit or a time, which nobody sees grow by one, nothing."""
    return "0" if number >= LIMIT else repr(number + 1)


def _at(path: Path, begins: list[int], node: ast.expr, new: str) -> Edit:
    """Columns of the syntax tree count bytes; the lines of these files that have others than ASCII hold no code."""
    assert node.end_lineno
    assert node.end_col_offset is not None
    begin, end = begins[node.lineno - 1] + node.col_offset, begins[node.end_lineno - 1] + node.end_col_offset
    return Edit(path, begin, end, new)
