"""Finds in the source every function that takes bytes or text apart.

It goes by what a function calls and is called; it runs none of them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("controller", "drivers", "protocols", "simulators", "firmware_interfaces")
CALLS: Final = {"urlsplit", "from_bytes", "fullmatch", "model_validate", "model_validate_json"}
CALLS_OF: Final = {"json.loads", "tomllib.loads", "toml_table", "datetime.fromisoformat"}
NAMES: Final = ("parse_", "decode_", "revive", "load_site", "exported_", "feed")


def readers() -> Iterator[str]:
    """Each as ``module:Class.function``."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            tree = ast.parse(path.read_text("utf-8"))
            for name, function in _functions(tree, ""):
                if _reads(function):
                    yield f"{module}:{name}"


def _functions(node: ast.AST, within: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{within}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{within}{child.name}", child


def _reads(function: ast.AST) -> bool:
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    called = [ast.unparse(one.func) for one in ast.walk(function) if isinstance(one, ast.Call)]
    by_call = any(text in CALLS_OF or text.rpartition(".")[2] in CALLS for text in called)
    return by_call or function.name.startswith(NAMES)
