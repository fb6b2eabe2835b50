"""Finds where a project's own code uses rows of tokens, which do nothing once jeton has the tokens."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, List, Optional, Set

from django.apps import apps
from django.conf import settings

from .reader import COMMAND, RELATED, Reader
from .token_models import TokenModels, token_models

#: Folders of what pip and Debian have installed.
_INSTALLED = {"site-packages", "dist-packages"}
#: A file without any of these, and of the names of the project's models of tokens, needs no closer look.
_WORDS = ("authtoken", "knox", COMMAND, *RELATED)


@dataclass(frozen=True)
class Use:
    file: Path
    line: int
    code: str


def uses() -> Iterator[Use]:
    """In the project's apps and the folder of its ROOT_URLCONF, without tests, migrations and what pip has installed."""
    models = token_models()
    words = [word.encode() for word in (*_WORDS, *models.of_the_project())]
    for file in _files():
        try:
            source = file.read_bytes()
            if any(word in source for word in words):
                yield from uses_in(file, source, models)
        except (OSError, SyntaxError, ValueError):
            continue  # it cannot be read: another check, or Python itself, says that


def uses_in(file: Path, source: bytes, models: TokenModels) -> List[Use]:
    reader = Reader(file, models)
    reader.read(source)
    return [Use(file, line, code) for line, code in sorted(reader.found)]


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
