"""The common part of plain and async clients."""

from __future__ import annotations

import ssl
from typing import Optional

from .protocol import Protocol, ssl_context_for


class Settings:
    """Which jeton, as whom, and how long to wait for it."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: float = 3.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._protocol = Protocol(url, client_id, client_secret)
        self._timeout = timeout
        self._ssl_context = ssl_context or ssl_context_for(url)
        self._begin()

    def _begin(self) -> None:
        """Attributes that are set before the first call."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._protocol!r})"
