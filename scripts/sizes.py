"""The gate of sizes and habits: prints what is too large, misnamed or out of place; exits 1 if any is."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES, FUNCTION_LINES, PARAMETERS, PORT_METHODS = 400, 60, 6, 7
VAGUE = {"utils", "helpers", "common", "manager", "service"}
BROAD = {"Exception", "BaseException"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def findings(path: Path) -> Iterator[str]:
    """What is wrong in one file, as lines of file:line: message."""
    text = path.read_text(encoding="utf-8")
    name = path.parent.name if path.stem == "__init__" else path.stem
    if name in VAGUE:
        yield f"{path}:1: nothing must be called {name}"
    if (lines := len(text.splitlines())) > FILE_LINES:
        yield f"{path}:1: {lines} lines, at most {FILE_LINES}"
    for node in ast.walk(ast.parse(text)):
        for found in (*of_size(node), *of_habit(node, path)):
            yield f"{path}:{getattr(node, 'lineno', 1)}: {found}"


def of_size(node: ast.AST) -> Iterator[str]:
    """A function too long or with too many parameters, a port with too many methods."""
    if isinstance(node, Function):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield f"{node.name}: {lines} lines, at most {FUNCTION_LINES}"
        if (count := parameters(node.args)) > PARAMETERS:
            yield f"{node.name}: {count} parameters, at most {PARAMETERS}"
    elif isinstance(node, ast.ClassDef) and is_port(node):
        methods = sum(isinstance(item, Function) for item in node.body)
        if methods > PORT_METHODS:
            yield f"{node.name}: {methods} methods, at most {PORT_METHODS}"


def of_habit(node: ast.AST, path: Path) -> Iterator[str]:
    """The environment read, or everything caught, elsewhere than at the edge of the process."""
    door = "entrypoints" in path.parts
    if isinstance(node, ast.ExceptHandler) and is_broad(node) and not door:
        yield "a broad except outside a process edge"
    if reads_environment(node) and not (door or path.name == "settings.py"):
        yield "reads the environment"


def parameters(given: ast.arguments) -> int:
    """How many there are; self and cls do not count, *args and **kwargs do."""
    named = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    gathered = [one for one in (given.vararg, given.kwarg) if one is not None]
    return len([name for name in named if name not in {"self", "cls"}]) + len(gathered)


def is_port(node: ast.ClassDef) -> bool:
    """Whether the class is a Protocol, plain or generic."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return any(name_of(base) == "Protocol" for base in bases)


def is_broad(node: ast.ExceptHandler) -> bool:
    """A bare except, or one that names Exception or BaseException."""
    if node.type is None:
        return True
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(name_of(one) in BROAD for one in caught)


def reads_environment(node: ast.AST) -> bool:
    """os.environ and its kin, used or imported by name."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(one.name in ENVIRONMENT for one in node.names)
    return isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and name_of(node.value) == "os"


def name_of(node: ast.AST) -> str:
    """The last part of a dotted name."""
    return str(getattr(node, "id", getattr(node, "attr", "")))


def main(folders: list[str]) -> int:
    """Check every Python file below the folders."""
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
    found = [line for path in files for line in findings(path)]
    print("\n".join(found) or f"sizes: {len(files)} files within bounds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["src"]))
