"""What is packaged."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from jeton_client import Introspection, JetonUser

PAGE = (Path(__file__).parent.parent / "README.md").read_text()


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


def test_the_page_of_the_package_stands_alone() -> None:
    """The README is the page where a package is offered, without the files beside it: its links lead into itself."""
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in PAGE.splitlines() if line[:1] == "#"}
    links = re.findall(r"\]\(([^)]*)\)", PAGE)
    assert len(links) >= 3 and [link for link in links if link.lstrip("#") not in headings or link[0] != "#"] == []


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_its_examples_are_python(block: str) -> None:
    ast.parse(block)


def test_nobody_is_the_user_of_a_dead_token() -> None:
    with pytest.raises(ValueError):
        JetonUser(Introspection(active=False))
