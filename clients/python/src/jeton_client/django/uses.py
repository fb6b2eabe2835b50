"""Finds where a project's own code uses rows of tokens, which do nothing once jeton has the tokens."""

from __future__ import annotations

import ast
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Set

from django.apps import apps
from django.conf import settings

#: Modules with models of tokens, and those models.
_MODELS = {
    "rest_framework.authtoken.models": {"Token", "TokenProxy"},
    "knox.models": {"AuthToken"},
}
#: How a user refers to rows of tokens.
_RELATED = ("auth_token", "auth_token_set")
_COMMAND = "drf_create_token"
#: Folders of what pip and Debian have installed.
_INSTALLED = {"site-packages", "dist-packages"}
#: A file without any of these needs no closer look.
_WORDS = (b"authtoken", b"knox", b"auth_token", _COMMAND.encode())


@dataclass(frozen=True)
class Use:
    file: Path
    line: int
    code: str


def uses() -> Iterator[Use]:
    """In the project's apps and the folder of its ROOT_URLCONF, without tests, migrations and what pip has installed."""
    for file in _files():
        try:
            source = file.read_bytes()
            if any(word in source for word in _WORDS):
                yield from uses_in(file, source)
        except (OSError, SyntaxError, ValueError):
            continue  # it cannot be read: another check, or Python itself, says that


def uses_in(file: Path, source: bytes) -> List[Use]:
    reader = _Reader()
    reader.visit(ast.parse(source))
    return [Use(file, line, code) for line, code in sorted(reader.found)]


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        #: Local names of the models, and of the modules that have them.
        self._models: Set[str] = set()
        self._modules: Dict[str, Set[str]] = {}
        self.found: Set["tuple[int, str]"] = set()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            local = name.asname or name.name
            if name.name in _MODELS.get(node.module or "", ()):
                self._models.add(local)
            elif f"{node.module}.{name.name}" in _MODELS:
                self._modules[local] = _MODELS[f"{node.module}.{name.name}"]

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "objects" and self._is_model(node.value):
            self._add(node, f"{ast.unparse(node.value)}.objects")
        elif node.attr in _RELATED and isinstance(node.ctx, ast.Load) and "user" in _last_name(node.value).lower():
            self._add(node, f"{ast.unparse(node.value)}.{node.attr}")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if self._is_model(node.func):
            self._add(node, f"{ast.unparse(node.func)}(..)")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if any(part in _RELATED for part in (node.arg or "").split("__")):
            self._add(node.value, f"{node.arg}=..")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value == _COMMAND:
            self._add(node, _COMMAND)

    def _is_model(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr in self._modules.get(node.value.id, ())
        return isinstance(node, ast.Name) and node.id in self._models

    def _add(self, node: ast.expr, code: str) -> None:
        self.found.add((node.lineno, code))


def _last_name(node: ast.expr) -> str:
    """`user` of `self.request.user`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _files() -> List[Path]:
    elsewhere = [Path(path).resolve() for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))]
    elsewhere.append(Path(__file__).resolve().parent.parent)  # this package, wherever it is
    files: Set[Path] = set()
    for folder in _folders():
        if any(folder.is_relative_to(path) for path in elsewhere) or _INSTALLED & set(folder.parts):
            continue
        for file in folder.rglob("*.py"):
            if not _is_left_out(file.relative_to(folder)):
                files.add(file)
    return sorted(files)


def _folders() -> Iterator[Path]:
    for app in apps.get_app_configs():
        yield Path(app.path).resolve()
    urls = getattr(settings, "ROOT_URLCONF", None)
    origin = _origin(urls) if isinstance(urls, str) and "." in urls else None
    if origin:
        yield Path(origin).resolve().parent


def _origin(module: str) -> Optional[str]:
    try:
        spec = find_spec(module)
    except ImportError:
        return None
    return spec.origin if spec else None


def _is_left_out(file: Path) -> bool:
    """Tests use FakeJeton, migrations are of the past, and a virtual environment may lie in the project's folder."""
    folders, name = set(file.parts[:-1]), file.name
    if folders & {"tests", "test", "migrations", "node_modules", *_INSTALLED}:
        return True
    return name.startswith(("test_", "tests", "conftest")) or name.endswith(("_test.py", "_tests.py"))
