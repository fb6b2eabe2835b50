"""Reads Python's source for uses of rows of tokens."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, Set, Tuple

from .token_models import TokenModels

#: Views that make or delete rows, by module.
_VIEWS = {
    "rest_framework.authtoken.views": {"ObtainAuthToken", "obtain_auth_token"},
    "knox.views": {"LoginView", "LogoutView", "LogoutAllView"},
}
#: Calls that return a model.
_GETTERS = {"knox.models": {"get_token_model"}}
#: How a user refers to rows of the packages.
RELATED = ("auth_token", "auth_token_set")
COMMAND = "drf_create_token"
#: Django's functions that read rows of the model that they are given.
_SHORTCUTS = {"get_object_or_404", "get_list_or_404", "aget_object_or_404", "aget_list_or_404"}


class Reader(ast.NodeVisitor):
    """`found` has the lines of a file, and what is there."""

    def __init__(self, file: Path, models: TokenModels) -> None:
        self._folder = file.parent
        self._managers, self._related = models.managers, {*RELATED, *models.related}
        self._models, self._views = _Names(models.names), _Names(_VIEWS)
        self._getters = _Names(_GETTERS)
        self._names = (self._models, self._views, self._getters)
        self.found: Set[Tuple[int, str]] = set()

    def read(self, source: bytes) -> None:
        tree = ast.parse(source)
        # Imports may stand after the functions that use them, and classes refer to themselves.
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                self._import_from(node)
            elif isinstance(node, ast.Import):
                for name in node.names:
                    for names in self._names:
                        names.imported_module(name.name, name.asname or name.name)
        fields = {field for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for field in node.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(self._is_model(base) for base in node.bases):
                self._models.add(node.name)
            elif isinstance(node, ast.Assign) and node not in fields and self._is_got(node.value):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._models.add(target.id)
        self.visit(tree)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:  # `.` is the file's folder
            folders = self._folder.parts[: len(self._folder.parts) - (node.level - 1)]
            module = ".".join([*(folder.strip("/\\") for folder in folders), *([module] if module else [])])
        for name in node.names:
            for names in self._names:
                names.imported(module, name.name, name.asname or name.name)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        views = [base for base in node.bases if self._views.has(base)]
        if views:
            self._add(node, f"class {node.name}({', '.join(map(ast.unparse, views))})")
        for field in node.body:
            if isinstance(field, ast.Assign) and self._is_model(field.value) and _targets(field) == ["model"]:
                self._add(field, f"model = {ast.unparse(field.value)}")
        for child in ast.iter_child_nodes(node):
            if child not in views:
                self.visit(child)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and self._views.has(node):
            self._add(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in self._managers and self._is_model(node.value):
            self._add(node, f"{ast.unparse(node.value)}.{node.attr}")
        elif node.attr in self._related and isinstance(node.ctx, ast.Load) and "user" in _last_name(node.value).lower():
            self._add(node, f"{ast.unparse(node.value)}.{node.attr}")
        elif self._views.has(node):
            self._add(node, ast.unparse(node))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if self._is_model(node.func):
            self._add(node, f"{ast.unparse(node.func)}(..)")
        elif _last_name(node.func) in _SHORTCUTS and node.args and self._is_model(node.args[0]):
            self._add(node, f"{_last_name(node.func)}({ast.unparse(node.args[0])}, ..)")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if any(part in RELATED for part in (node.arg or "").split("__")):
            self._add(node.value, f"{node.arg}=..")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value in (COMMAND, "knox.urls"):
            self._add(node, str(node.value))

    def _is_model(self, node: ast.expr) -> bool:
        return self._models.has(node) or self._is_got(node)

    def _is_got(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self._getters.has(node.func)

    def _add(self, node: "ast.expr | ast.stmt", code: str) -> None:
        self.found.add((node.lineno, code))


class _Names:
    """The names that a file has for what some modules define."""

    def __init__(self, defined: Dict[str, Set[str]]) -> None:
        self._defined = defined
        self._local: Set[str] = set()
        #: Local names of the modules, with what is in them.
        self._modules: Dict[str, Set[str]] = {}

    def imported(self, module: str, name: str, local: str) -> None:
        for definer, names in self._defined.items():
            if name in names and any(_is_same(module, place) for place in _places(definer)):
                self._local.add(local)
        self.imported_module(f"{module}.{name}", local)

    def imported_module(self, module: str, local: str) -> None:
        for definer, names in self._defined.items():
            if any(_is_same(module, place) for place in _places(definer)):
                self._modules.setdefault(local, set()).update(names)

    def add(self, local: str) -> None:
        self._local.add(local)

    def has(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr in self._modules.get(ast.unparse(node.value), ())
        return isinstance(node, ast.Name) and node.id in self._local


def _places(module: str) -> Iterator[str]:
    """Where a name of a module can be imported from: `shop.models.tokens`, and `shop.models`, `shop`, which may import it."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def _is_same(imported: str, module: str) -> bool:
    """A relative import begins with the folders of the file system."""
    return imported == module or imported.endswith("." + module)


def _targets(node: ast.Assign) -> "list[str]":
    return [_last_name(target) for target in node.targets]


def _last_name(node: ast.expr) -> str:
    """`user` of `self.request.user`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
