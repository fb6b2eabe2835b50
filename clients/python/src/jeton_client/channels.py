"""Django Channels: `"websocket": JetonAuthMiddleware(URLRouter(...))` gives consumers `scope["user"]`."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.db import close_old_connections

from .asgi import Application, JetonMiddleware
from .django import conf
from .errors import JetonUnavailable
from .introspection import Active
from .user import JetonUser


class JetonAuthMiddleware(JetonMiddleware):
    """In the place of AuthMiddlewareStack, by the setting JETON. `scope["user"]` is who `request.user` is in the views, or
    an AnonymousUser without a token; `scope["jeton"]` is jeton's answer. A bad token never passes.

    A browser has no headers for a websocket: `new WebSocket(url, ["Token", key])`, and the consumer accepts "Token".
    """

    def __init__(
        self, app: Application, *, token_from: Sequence[str] = ("header", "subprotocol"), allow_anonymous: bool = True
    ) -> None:
        configured = conf.configured()
        super().__init__(
            app, **configured.connection, keywords=configured.keywords, token_from=token_from, allow_anonymous=allow_anonymous
        )

    async def scope_of(self, answer: Optional[Active]) -> Optional[Dict[str, Any]]:
        if answer is None:
            return {"jeton": None, "user": AnonymousUser()}
        configured = conf.configured()
        user = JetonUser(answer) if configured.user == "answer" else await sync_to_async(_row)(answer)
        return None if user is None else {"jeton": answer, "user": user}


def _row(answer: Active) -> Any:
    from .django.identity import Busy, user_of  # its models are there only where the app is installed

    close_old_connections()
    try:
        return user_of(answer, conf.configured())
    except Busy:
        raise JetonUnavailable("another request writes to the database") from None
    finally:
        close_old_connections()
