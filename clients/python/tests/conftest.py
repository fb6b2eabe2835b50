"""The jeton to test against, by environment variables: TEST_JETON_URL, TEST_JETON_CLIENT_ID, TEST_JETON_CLIENT_SECRET, and
TEST_JETON_ADMIN_TOKEN, a superuser's, by which users and tokens are made."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

import django
import httpx
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from support import Awaited, Calls, Server
from jeton_client import AsyncClient, Client

URL, CLIENT_ID, CLIENT_SECRET, ADMIN_TOKEN = (
    os.environ[name] for name in ("TEST_JETON_URL", "TEST_JETON_CLIENT_ID", "TEST_JETON_CLIENT_SECRET", "TEST_JETON_ADMIN_TOKEN")
)

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.admin",
        "rest_framework",
        "rest_framework.authtoken",
        "knox",
        "jeton_client.django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    JETON={"URL": URL, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "VERIFIER": False},
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF="django_project",
    SECRET_KEY="of the tests",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()

_numbers = itertools.count(int.from_bytes(os.urandom(4), "big"))


class Jeton:
    """What an admin of the jeton does."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def post(self, path: str, **body: object) -> Dict[str, Any]:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Dict[str, object]) -> Dict[str, Any]:
        answer = self._http.request(method, URL + path, json=body, headers={"Authorization": f"Token {ADMIN_TOKEN}"})
        assert answer.status_code in (200, 201), answer.text
        made: Dict[str, Any] = answer.json()
        return made

    def user(self, **fields: object) -> Dict[str, Any]:
        named: Dict[str, object] = {"username": f"user-{next(_numbers)}", "password": "a quiet harbour at noon", **fields}
        return self.post("/admin/users/", **named)

    def change(self, name: str, **fields: object) -> Dict[str, Any]:
        return self._send("PATCH", f"/admin/users/{name}", fields)

    def delete(self, name: str) -> None:
        answer = self._http.delete(f"{URL}/admin/users/{name}", headers={"Authorization": f"Token {ADMIN_TOKEN}"})
        assert answer.status_code == 204, answer.text

    def key(self, username: str, **fields: object) -> str:
        key = self.post(f"/admin/users/{username}/tokens/", name="of the tests", **fields)["token"]
        assert isinstance(key, str)
        return key


@pytest.fixture(scope="session")
def jeton() -> Iterator[Jeton]:
    with httpx.Client(trust_env=False, timeout=30) as http:
        yield Jeton(http)


@pytest.fixture(scope="session")
def user(jeton: Jeton) -> Dict[str, Any]:
    return jeton.user(email="alice@example.com", groups=["billing", "bureau é"])


@pytest.fixture
def alice(jeton: Jeton, user: Dict[str, Any]) -> Tuple[Dict[str, Any], str]:
    """The user, and a key of the test's own, which it may revoke."""
    return user, jeton.key(user["username"], scope="a b", expires_in=3600)


@pytest.fixture(scope="session")
def inactive(jeton: Jeton) -> str:
    return jeton.key(jeton.user(is_active=False)["username"])


@pytest.fixture(params=["plain", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Calls]]:
    """Makes clients, of either kind, that are called alike."""
    made = []

    def make(url: str = URL, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET, **how: Any) -> Calls:
        client: Calls
        how.setdefault("timeout", 30.0)  # no request reaches it, however busy the machine is
        if request.param == "plain":
            client = Client(url, client_id, client_secret, **how)
        else:
            client = Awaited(AsyncClient(url, client_id, client_secret, **how))
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def tables() -> None:
    call_command("migrate", verbosity=0)


@pytest.fixture
def database(tables: None) -> Iterator[None]:
    """Django's, empty at the beginning and the end of each test."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="session")
def sources() -> Path:
    import jeton_client

    return Path(jeton_client.__file__).parent
