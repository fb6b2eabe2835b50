"""Ask jeton whose token it is.

    client = Client("https://jeton.example.com", "reports", secret)
    answer = client.introspect(token)
    if answer.active:
        print(answer.username)

`jeton_client.drf` is for Django REST framework, with the app `jeton_client.django` where users have rows of the
project's own; `jeton_client.asgi` is for ASGI applications.
"""

from .aio import AsyncClient
from .client import Client
from .errors import JetonError, JetonRefused, JetonUnavailable
from .introspection import Introspection
from .user import JetonUser

__all__ = [
    "AsyncClient",
    "Client",
    "Introspection",
    "JetonError",
    "JetonRefused",
    "JetonUnavailable",
    "JetonUser",
]
__version__ = "0.1.0"
