"""What is packaged."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from jeton_client import Introspection, JetonUser


def test_it_is_python_3_9(sources: Path) -> None:
    files = sorted(sources.rglob("*.py"))
    assert len(files) >= 10
    for file in files:
        ast.parse(file.read_text(), feature_version=(3, 9))


def test_the_app_is_whole(sources: Path) -> None:
    for file in ("migrations/0001_initial.py", "management/commands/jeton_link.py"):
        assert (sources / "django" / file).exists()


def test_it_is_typed(sources: Path) -> None:
    assert (sources / "py.typed").exists()


def test_nobody_is_the_user_of_a_dead_token() -> None:
    with pytest.raises(ValueError):
        JetonUser(Introspection(active=False))
