"""`JetonUser` beside a user of Django's with the same name and flags: the same questions, the same answers."""

from __future__ import annotations

from typing import Any, Dict, Optional
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from conftest import Jeton
from django.contrib.admin.models import LogEntry  # noqa: F401
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q  # noqa: F401
from django.forms.models import model_to_dict  # noqa: F401
from django.test import Client
from rest_framework.authtoken.models import Token

from jeton_client import Introspection, JetonUser

pytestmark = pytest.mark.usefixtures("database")

KINDS: Dict[str, Dict[str, bool]] = {
    "plain": {},
    "staff": {"is_staff": True},
    "superuser": {"is_staff": True, "is_superuser": True},
    "inactive": {"is_active": False},
    "inactive superuser": {"is_staff": True, "is_superuser": True, "is_active": False},
}


def pair(groups: tuple[str, ...] = (), /, is_active: bool = True, **flags: bool) -> Any:
    """A user of Django's and jeton's."""
    theirs = User.objects.create(username="alice", email="alice@example.com", is_active=is_active, **flags)
    theirs.groups.set([Group.objects.create(name=name) for name in groups])
    said = {"active": True, "username": "alice", "user_id": theirs.pk, "email": theirs.email, "groups": list(groups)}
    answer = Introspection.of({**said, "sub": str(theirs.pk), "iat": 1700000000, "jti": "1", **flags})
    ours = JetonUser(answer)
    ours.is_active = is_active
    return theirs, ours


def outcome(user: Any, question: str) -> object:
    try:
        return eval(question, {"user": user})
    except Exception as error:
        return type(error)


QUESTIONS = [
    "user.pk", "user.id", "user.username", "user.email", "user.is_active", "user.is_staff", "user.is_superuser",
    "user.is_authenticated", "user.is_anonymous", "user.first_name", "user.last_name",
    "user.get_username()", "user.natural_key()", "user.get_full_name()", "user.get_short_name()", "str(user)",
    "user.USERNAME_FIELD", "user.EMAIL_FIELD", "list(user.REQUIRED_FIELDS)", "user.get_email_field_name()",
    "getattr(user, user.USERNAME_FIELD)", "user.has_usable_password()",
    "user.has_perm('auth.add_user')", "user.has_perm('no.such')", "user.has_perm('auth.add_user', user)",
    "user.has_perms([])", "user.has_perms(())", "user.has_perms(iter(()))", "user.has_perms([], user)",
    "user.has_perms(['auth.add_user'])", "user.has_perms(['auth.add_user', 'auth.view_user'])",
    "user.has_perms(p for p in ['auth.add_user'])", "user.has_perms({'auth.add_user'})",
    "user.has_perms('auth.add_user')", "user.has_perms('')", "user.has_perms(None)", "user.has_perms(1)",
    "user.has_module_perms('auth')", "user.has_module_perms('no')",
    "user.get_all_permissions()", "user.get_user_permissions()", "user.get_group_permissions()",
    "user.get_all_permissions(user)", "user.get_user_permissions(user)", "user.get_group_permissions(user)",
    "user == user", "user != user", "user == user.pk", "user == None", "hash(user) == hash(user.pk)",
    "bool(user)", "user.user_permissions.exists()", "list(user.user_permissions.all())",
]  # fmt: skip
GROUPS = [
    "[group.name for group in user.groups.all()]", "user.groups.exists()", "user.groups.count()",
    "user.groups.filter(name='billing').exists()", "user.groups.filter(name='bill').exists()",
    "user.groups.filter(name__in=['x', 'reports']).exists()", "user.groups.filter(name__in=[]).count()",
    "list(user.groups.values_list('name', flat=True))", "list(user.groups.values_list('name'))",
    "user.groups.filter(name='billing').first().name", "user.groups.filter(name='none').first()",
    "'billing' in [group.name for group in user.groups.all()]",
    "'billing' in user.groups.values_list('name', flat=True)",
    "user.groups.filter(name__iexact='BILLING').exists()", "user.groups.filter(name__startswith='bil').count()",
    "user.groups.filter(name__contains='port').count()", "user.groups.filter(name__icontains='PORT').count()",
    "user.groups.filter(name__istartswith='BIL').count()", "user.groups.filter(name__endswith='ing').count()",
    "user.groups.filter(name__iendswith='ING').count()", "user.groups.filter(name='x', name__in=['billing']).count()",
    "user.groups.filter(name__in=['billing', 'reports']).exclude(name='billing').count()",
    "user.groups.exclude(name__in=['billing']).exists()", "user.groups.get(name='billing').name", "user.groups.get().name",
    "[group.name for group in user.groups.order_by('-name')]", "list(user.groups.order_by('name').values('name'))",
    "user.groups.order_by('name').first().name", "user.groups.order_by('name').last().name",
    "user.groups.distinct().count()", "user.groups.none().exists()", "getattr(user.groups.last(), 'name', None)",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_as_djangos_does(kind: str) -> None:
    theirs, ours = pair(**KINDS[kind])
    theirs.set_unusable_password()
    for question in QUESTIONS:
        assert (question, outcome(ours, question)) == (question, outcome(theirs, question))


@pytest.mark.parametrize("groups", [(), ("billing", "reports")])
def test_its_groups_answer_as_djangos_do(groups: tuple[str, ...]) -> None:
    theirs, ours = pair(groups)
    for question in GROUPS:
        assert (question, outcome(ours, question)) == (question, outcome(theirs, question))
    assert ours.groups == groups and ours.groups.count("billing") == len(groups) // 2


@pytest.mark.parametrize("kind", KINDS)
def test_awaited_it_answers_the_same(kind: str) -> None:
    _, user = pair(**KINDS[kind])
    for name, arguments in [
        ("has_perm", ("auth.add_user",)),
        ("has_perms", ([],)),
        ("has_perms", (["auth.add_user"],)),
        ("has_module_perms", ("auth",)),
        ("get_all_permissions", ()),
        ("get_user_permissions", ()),
        ("get_group_permissions", ()),
        ("get_all_permissions", (user,)),
    ]:
        assert async_to_sync(getattr(user, f"a{name}"))(*arguments) == getattr(user, name)(*arguments)


def test_a_superuser_has_every_permission() -> None:
    _, user = pair(is_superuser=True)
    assert len(user.get_all_permissions()) == Permission.objects.count() > 0
    assert user.has_perms(user.get_all_permissions())


def test_mail_is_sent_to_its_address() -> None:
    with mock.patch("django.core.mail.send_mail") as send:
        pair()[1].email_user("Subject", "Body", "us@example.com", fail_silently=True)
    send.assert_called_once_with("Subject", "Body", "us@example.com", ["alice@example.com"], fail_silently=True)


#: What only a row can do, and who is to be told of `"find"`.
NEEDS_A_ROW = [
    "user.save()", "user.delete()", "user.set_password('x')", "user.check_password('x')", "user.date_joined",
    "user.last_login", "user.auth_token", "user.profile", "user.logentry_set", "user.refresh_from_db()", "user.asave()",
    "user.get_session_auth_hash()", "user.groups.add(1)", "user.groups.set([])", "user.groups.filter(pk=1)",
    "user.groups.filter(name__regex='x')", "user.groups.filter(permissions__codename='x')", "user.groups.filter(Q(name='x'))",
    "user.groups.get(pk=1)", "user.groups.exclude(id=1)", "user.groups.values_list('id')", "user.groups.values()",
    "user.groups.order_by('id')", "user.groups.first().pk", "user.groups.first().permissions", "user.groups.prefetch_related('x')",
    "LogEntry(user=user)", "LogEntry.objects.create(user=user)", "LogEntry.objects.filter(user=user)",
    "LogEntry.objects.filter(user__in=[user])", "LogEntry.objects.exclude(user=user)", "User.objects.filter(pk=user)",
    "Token.objects.get_or_create(user=user)", "model_to_dict(user)",
]  # fmt: skip


@pytest.mark.parametrize("code", NEEDS_A_ROW)
def test_what_needs_a_row_names_the_setting(code: str) -> None:
    names = dict(globals(), user=pair(("billing",))[1])
    with pytest.raises(Exception) as error:
        eval(code, names)
    assert 'JETON["USER"]' in str(error.value) and '"find"' in str(error.value)


@pytest.mark.parametrize("superuser", [False, True])
def test_model_permissions_let_in_whom_they_let_in_before(jeton: Jeton, superuser: bool) -> None:
    flags = {"is_staff": superuser, "is_superuser": superuser}
    username = jeton.user(**flags)["username"]
    key = jeton.key(username)
    Token.objects.create(user=User.objects.create(username=username, **flags), key=key)

    def status(way: str, method: str, key: Optional[str] = key) -> int:
        headers = {"Authorization": f"Token {key}"} if key else {}
        return Client().generic(method, f"/{way}/groups/", headers=headers).status_code

    for way in ("before", "after"):
        assert [status(way, method) for method in ("GET", "HEAD", "OPTIONS")] == [200, 200, 200]
        assert status(way, "POST") == (201 if superuser else 403)
        assert status(way, "GET", None) == 401
