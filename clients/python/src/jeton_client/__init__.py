"""Ask jeton whose token it is.

    client = Client("https://jeton.example.com", "reports", secret)
    answer = client.introspect(token)
    if answer.active:
        print(answer.username)

`Verifier` has the same calls, and remembers answers while jeton would still give them.

`jeton_client.drf` is for Django REST framework, with the app `jeton_client.django` where users have rows of the
project's own; `jeton_client.asgi` is for ASGI applications.
"""

from .admin import Admin, JetonRejected
from .aio import AsyncClient
from .aio_verifier import AsyncVerifier
from .client import Client
from .errors import JetonError, JetonRefused, JetonUnavailable, JetonUnreachable
from .introspection import Active, Answer, Inactive, Introspection
from .user import JetonUser
from .verifier import Verifier
from .version import VERSION as __version__

__all__ = [
    "Active",
    "Admin",
    "Answer",
    "AsyncClient",
    "AsyncVerifier",
    "Client",
    "Inactive",
    "Introspection",
    "JetonError",
    "JetonRefused",
    "JetonRejected",
    "JetonUnavailable",
    "JetonUnreachable",
    "JetonUser",
    "Verifier",
]
