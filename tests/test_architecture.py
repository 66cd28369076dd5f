"""What holds the package together: its rooms stand on floors, and every import runs down. Imports under
TYPE_CHECKING and inside functions count too, for they are what circles are made of.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "python" / "replibank"

#: The rooms, from the ground up. A room uses those of lower floors, and itself without circles.
FLOORS = (
    ("_core", "errors"),
    ("_base", "customer"),
    ("verdict",),
    ("report",),
    ("trace",),
    ("measures", "sim"),
    ("plot",),
    ("live",),
    ("bank",),
    ("course", "scenario"),
    ("", "cli"),
    ("__main__", "coursework"),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

#: A ratchet: what the longest file has. Lower it when that one gets shorter.
LINES_MAX = 430

#: Modules by their names below `replibank`, which is "".
Modules = dict[str, str]


def modules() -> Modules:
    found = {"_core": '"""The core, in Rust."""'}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path.read_text(encoding="utf-8")
    return found


def breaches(sources: Modules) -> list[str]:
    """Everything that is not as it should be, in sentences."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    packages = {name.rpartition(".")[0] for name in sources}
    imports = {name: set(imported(name, tree, sources, packages)) for name, tree in trees.items()}
    found: list[str] = [*climbs(imports), *circles(imports), *dead(trees)]
    for name, tree in trees.items():
        if not ast.get_docstring(tree):
            found.append(f"{name} does not say what it is for")
        if len(sources[name].splitlines()) > LINES_MAX:
            found.append(f"{name} has more than {LINES_MAX} lines")
        found += [f"{name} {breach}" for breach in (*absolute(tree), *pried(tree), *below(tree))]
    return found


def imported(name: str, tree: ast.Module, sources: Modules, packages: set[str]) -> Iterator[str]:
    """The modules that a module imports, wherever it does so."""
    here = [part for part in name.split(".") if part]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        above = len(here) + (name in packages) - node.level
        home = ".".join([*here[:above], *([node.module] if node.module else [])])
        for alias in node.names:
            below = f"{home}.{alias.name}".lstrip(".")
            yield below if below in sources else home


def climbs(imports: dict[str, set[str]]) -> Iterator[str]:
    for name, others in imports.items():
        room = name.partition(".")[0]
        for other in others:
            lower = other.partition(".")[0]
            if room not in FLOOR_OF:
                yield f"{room} has no floor"
            elif room != lower and FLOOR_OF.get(lower, len(FLOORS)) >= FLOOR_OF[room]:
                yield f"{name} imports {other}, which does not stand below it"


def circles(imports: dict[str, set[str]]) -> Iterator[str]:
    """What is left when modules that import nothing of the rest, or that nothing of it imports, are taken
    away again and again."""
    left = dict(imports)
    while ends := {name for name, others in left.items() if not others & left.keys()} | (
        left.keys() - set().union(*left.values())
    ):
        left = {name: others for name, others in left.items() if name not in ends}
    if left:
        yield f"there is a circle among {', '.join(sorted(left))}"


def absolute(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        if any(name.partition(".")[0] == "replibank" for name in names):
            yield f"imports its own package by its full name in line {node.lineno}"


def pried(tree: ast.Module) -> Iterator[str]:
    """Private names of other modules, and private attributes of other objects, unless their class is in
    the same module."""
    for node in ast.walk(tree):
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if is_private(alias.name) and alias.name not in FLOOR_OF:
                yield f"imports {alias.name}, which is another module's, in line {node.lineno}"
    owned = set(defined(ast.walk(tree)))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not is_private(node.attr):
            continue
        own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
        if own and isinstance(node.ctx, ast.Store):
            owned.add(node.attr)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in owned:
            own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            if not own:
                yield f"reaches for another object's {node.attr} in line {node.lineno}"


def below(tree: ast.Module) -> Iterator[str]:
    for node in tree.body[1:]:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield f"has a text below a constant in line {node.lineno}: `#:` above it is right"


def dead(trees: dict[str, ast.Module]) -> Iterator[str]:
    """Names of modules, and private ones of classes, that nobody uses."""
    used: Counter[str] = Counter()
    for tree in trees.values():
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                    used[name] += 1
                case ast.alias(name=name):
                    used[name] += 1
                case ast.Constant(value=str(name)):
                    used[name] += 1
    for module, tree in trees.items():
        private = {name for name in defined(ast.walk(tree)) if is_private(name)}
        for name in private.union(defined(tree.body)):
            if not used[name] and not name.startswith("__"):
                yield f"{module} has {name}, which nobody uses"


def defined(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("_")  # IPython calls `_repr_html_`


def test_the_package_is_as_it_should_be() -> None:
    assert breaches(modules()) == []


def test_the_ratchet_is_tight() -> None:
    assert max(len(source.splitlines()) for source in modules().values()) == LINES_MAX


def test_breaches_are_seen() -> None:
    planted = {
        "errors": '"""Too low."""\nfrom ._base.files import Up, _up\nUp(_up)',
        "_base.files": '"""Fine."""\nclass Up: ...\nfrom . import rest\nrest.idle',
        "_base.rest": '"""Round."""\ndef later():\n    from .files import Up\n    Up.later',
        "attic": "from .errors import Up",
        "trace": '"""A room."""\nfrom .trace import Trace\nTrace',
        "trace.trace": '"""Pries."""\nimport replibank.errors\nTrace = 1\n"""Below."""\nTrace._core',
        "verdict": '"""Long."""' + "\n" * LINES_MAX + "def _unused(): ...",
    }
    seen = breaches(planted)
    for expected in (
        "errors imports _base.files, which does not stand below it",
        "there is a circle among _base.files, _base.rest",
        "errors imports _up, which is another module's, in line 2",
        "attic has no floor",
        "attic does not say what it is for",
        "trace.trace imports its own package by its full name in line 2",
        "trace.trace has a text below a constant in line 4: `#:` above it is right",
        "trace.trace reaches for another object's _core in line 5",
        f"verdict has more than {LINES_MAX} lines",
        "verdict has _unused, which nobody uses",
    ):
        assert expected in seen
    assert len(seen) == 10, seen
