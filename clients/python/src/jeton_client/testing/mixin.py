from __future__ import annotations

from typing import Any

from .fake import FakeJeton


class FakeJetonMixin:
    """Stands before Django's TestCase, or unittest's: each test has a FakeJeton of its own in `self.jeton`."""

    jeton: FakeJeton
    #: As of FakeJeton.
    import_tokens = False

    def setUp(self) -> None:
        self.jeton = FakeJeton(import_tokens=self.import_tokens)
        self.jeton.__enter__()
        case: Any = self
        case.addCleanup(self.jeton.__exit__)
        parent: Any = super()
        parent.setUp()
