"""Other projects: users of their own making, and many requests at once. Each is a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jeton_client
import pytest

SETTINGS = """
import sys, threading, uuid
from contextlib import nullcontext
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "OPTIONS": {"timeout": 30}}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "shop", "jeton_client.django"],
    JETON={"URL": "http://127.0.0.1:1", "CLIENT_ID": "shop", "CLIENT_SECRET": "secret", "USER": "create"},
    AUTH_USER_MODEL=sys.argv[2],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings
from jeton_client import Introspection
from jeton_client.django.conf import configured
from jeton_client.django.identity import Busy, user_of
from jeton_client.django.models import Link
call_command("migrate", run_syncdb=True, verbosity=0)
User = get_user_model()

def project(**changes):
    return override_settings(JETON={**settings.JETON, **changes})

def seen(**fields):
    said = {"active": True, "username": "zoe@example.com", "user_id": 7, "sub": "7", "email": "zoe@example.com"}
    said.update({"iat": 1700000000, "jti": "1", **fields})
    return user_of(Introspection.of(said), configured())
"""

BY_EMAIL = """
import uuid
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

class Member(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True, max_length=40)
    is_admin = models.BooleanField(default=False)
    objects = BaseUserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    @property
    def is_staff(self):
        return self.is_admin
"""

BY_NAME_AS_KEY = """
from django.contrib.auth.models import AbstractUser
from django.db import models

class Member(AbstractUser):
    username = models.CharField(max_length=150, primary_key=True)
    REQUIRED_FIELDS = []
"""


def run(place: Path, models: str, script: str, user_model: str = "shop.Member") -> None:
    (place / "shop").mkdir()
    (place / "shop/__init__.py").touch()
    (place / "shop/models.py").write_text(models)
    (place / "script.py").write_text(SETTINGS + script)
    path = os.pathsep.join([str(place), str(Path(jeton_client.__file__).parent.parent)])
    done = subprocess.run(
        [sys.executable, "script.py", "db.sqlite3", user_model],
        cwd=place, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_users_who_log_in_by_email_with_uuids_and_without_djangos_rights(tmp_path: Path) -> None:
    script = """
(warning,) = run_checks(tags=["jeton_client"])
assert warning.id == "jeton_client.W001" and "shop.Member" in warning.msg
assert "is_active, is_staff, is_superuser, groups" in warning.msg, warning
with project(SYNC=["username"]):
    assert run_checks(tags=["jeton_client"]) == []

first = seen(is_staff=True, is_superuser=True, groups=["billing"])
assert first == seen() == User.objects.get() and first.email == "zoe@example.com" and not first.is_staff
assert seen(username="zora@example.com").email == "zora@example.com" and User.objects.get().pk == first.pk

ann = User.objects.create(email="ann@example.com")
says = {"username": "ann@example.com", "user_id": 8, "sub": "8"}
assert seen(**says) is None and seen(**says, external_id=str(uuid.uuid4())) is None
assert seen(**says, external_id=str(ann.pk)) == ann == seen(**says)

# Renamed at jeton before the first visit.
eve = User.objects.create(email="eve@example.com")
assert seen(username="eva@example.com", user_id=12, sub="12", external_id=str(eve.pk)) is None
eve.delete()

# A right by another name.
boss = User.objects.create(email="boss@example.com", is_admin=True)
with project(LINK_BY_NAME=True):
    assert seen(username="boss@example.com", user_id=9, sub="9") is None

# The address of another, with a number behind, would be an address of somebody.
assert seen(username="ann@example.com", user_id=10, sub="10") is None
assert seen(username="x" * 30 + "@example.com", user_id=11, sub="11") is None
assert Link.objects.count() == 2 and User.objects.count() == 3
"""
    run(tmp_path, BY_EMAIL, script)


def test_a_name_that_is_a_key_does_not_change(tmp_path: Path) -> None:
    script = """
assert run_checks(tags=["jeton_client"]) == []
User.objects.create(username="7")  # that is a name, and nobody's id
row = seen(username="zoe")
assert seen(username="zora") == row and sorted(user.pk for user in User.objects.all()) == ["7", "zoe"]
"""
    run(tmp_path, BY_NAME_AS_KEY, script)


@pytest.mark.parametrize("atomic", [False, True])
def test_two_first_requests_at_once_make_one_row(tmp_path: Path, atomic: bool) -> None:
    script = f"""
barrier, got = threading.Barrier(8), []

def request():
    try:
        barrier.wait()
        with transaction.atomic() if {atomic} else nullcontext():
            got.append(seen(username="zoe", groups=["billing"]).pk)
    except Exception as error:
        got.append(error)
    finally:
        connection.close()

for _ in range(5):
    threads = [threading.Thread(target=request) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    row = User.objects.get()
    busy = sum(isinstance(answer, Busy) for answer in got) if {atomic} else 0
    assert got.count(row.pk) + busy == 8 and busy < 8, got
    assert Link.objects.get().user == row and [group.name for group in row.groups.all()] == ["billing"]
    row.delete()
    got.clear()
"""
    run(tmp_path, "", script, "auth.User")
