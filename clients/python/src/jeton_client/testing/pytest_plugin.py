"""pytest's fixture `fake_jeton`, which pytest finds by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

import pytest

if TYPE_CHECKING:
    from .fake import FakeJeton


@pytest.fixture
def fake_jeton() -> "Iterator[FakeJeton]":
    """A jeton for this test, without a server."""
    from .fake import FakeJeton  # here, because pytest reads this file in every project

    with FakeJeton() as fake:
        yield fake
