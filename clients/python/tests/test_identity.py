"""Whose row of the project somebody is: a name changes hands, a link does not."""

from __future__ import annotations

import logging
from typing import Any, Dict, Iterator, Tuple

import pytest
from conftest import Jeton
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from jeton_client import Introspection
from jeton_client.django.conf import APP, configured
from jeton_client.django.identity import user_of
from jeton_client.django.models import Link
from project import authenticate, project

pytestmark = pytest.mark.usefixtures("database")
both = pytest.mark.parametrize("how", ["find", "create"])


@pytest.fixture
def bob(jeton: Jeton) -> Tuple[Dict[str, Any], str]:
    """A user of jeton's, nobody's row yet, and a key."""
    made = jeton.user(email="bob@example.com")
    return made, jeton.key(made["username"])


@pytest.fixture(params=["find", "create"])
def how(request: pytest.FixtureRequest) -> Iterator[str]:
    with project(USER=request.param):
        yield request.param


def imported(user: Dict[str, Any], **fields: Any) -> User:
    """The row that a user had here before jeton."""
    return User.objects.create(pk=user["id"], username=user["username"], **fields)


def note(user: User, text: str) -> None:
    LogEntry.objects.create(user=user, action_flag=1, object_repr=text)


def mine(key: str) -> object:
    """What a view shows of one's own rows; the status if it shows none."""
    response = Client().get("/mine/", headers={"Authorization": f"Token {key}"})
    return response.json() if response.status_code == 200 else response.status_code


def refused(key: str) -> None:
    with pytest.raises(AuthenticationFailed, match="User inactive or deleted."):
        authenticate(key)


def seen(**fields: Any) -> Any:
    """Somebody of whom jeton says this."""
    said = Introspection.of({"active": True, "username": "zoe", "user_id": 7, "sub": "7", "iat": 1700000000, "jti": "1", **fields})
    assert said
    return user_of(said, configured())


def test_an_imported_user_keeps_row_and_rows(how: str, bob: Tuple[Dict[str, Any], str]) -> None:
    user, key = bob
    row = imported(user)
    note(row, "bob's")
    assert authenticate(key)[0] == row and mine(key) == ["bob's"]
    link = Link.objects.get()
    assert (link.issuer, link.sub, link.user) == ("", str(user["id"]), row)
    assert link.last_seen_at is not None and timezone.now() >= link.last_seen_at >= link.created_at


def test_a_reused_name_gets_nothing_and_a_renamed_user_stays(how: str, jeton: Jeton, bob: Tuple[Dict[str, Any], str]) -> None:
    user, key = bob
    name = user["username"]
    row = imported(user, email="bob@example.com")
    note(row, "bob's")
    assert mine(key) == ["bob's"]
    jeton.change(name, username=f"{name}-robert")
    other = jeton.user(username=name)
    new = jeton.key(name)

    # While the row still has the old name ..
    assert mine(new) == ([] if how == "create" else 401)
    # .. and after robert was here, whose row follows his name.
    assert mine(key) == ["bob's"]
    assert mine(new) == ([] if how == "create" else 401)
    assert User.objects.get(pk=row.pk).username == f"{name}-robert"
    if how == "create":
        theirs = authenticate(new)[0]
        assert theirs.pk != row.pk and theirs.username == name and theirs.jeton_link.sub == str(other["id"])
        assert User.objects.count() == Link.objects.count() == 2


def test_a_new_user_of_a_deleted_ones_name_gets_a_row_of_their_own(jeton: Jeton, bob: Tuple[Dict[str, Any], str]) -> None:
    user, key = bob
    name = user["username"]
    with project(USER="create"):
        old = authenticate(key)[0]
        note(old, "bob's")
        jeton.delete(name)
        other = jeton.user(username=name)
        new = authenticate(jeton.key(name))[0]
    assert new.pk != old.pk and new.username == f"{name}-{other['id']}"
    assert User.objects.get(pk=old.pk).username == name


@pytest.mark.parametrize("by_name", [False, True])
def test_a_superusers_name_made_at_jeton_opens_nothing(
    how: str, by_name: bool, jeton: Jeton, caplog: pytest.LogCaptureFixture
) -> None:
    made = jeton.user()
    key = jeton.key(made["username"])
    rooted = {"username": made["username"], "is_staff": True, "is_superuser": True}
    for pk in (made["id"], made["id"] + 1):  # of another id, and of the same by chance
        root = User.objects.create(pk=pk, **rooted)
        with project(USER=how, LINK_BY_NAME=by_name):
            caplog.clear()
            refused(key)
        (line,) = [record for record in caplog.records if record.name == "jeton_client"]
        assert line.levelno == logging.WARNING and f"jeton_link {pk} {made['id']}" in line.getMessage()
        assert key not in line.getMessage()
        root.refresh_from_db()
        assert root.is_superuser and root.is_staff and not Link.objects.exists() and User.objects.count() == 1
        root.delete()


@pytest.mark.parametrize("flag", [{"is_staff": True}, {"is_superuser": True}, {"group": "billing"}, {"permission": True}])
def test_a_name_links_no_row_of_more_rights(how: str, flag: Dict[str, Any]) -> None:
    flags = {name: value for name, value in flag.items() if name.startswith("is_")}
    row = User.objects.create(username="zoe", **flags)
    if "group" in flag:
        row.groups.add(Group.objects.create(name="billing"))
    if "permission" in flag:
        row.user_permissions.add(Permission.objects.all()[0])
    with project(USER=how, LINK_BY_NAME=True):
        assert seen(groups=["reports"]) is None
        assert not Link.objects.exists()
        # A superuser at jeton has them all.
        assert seen(is_staff=True, is_superuser=True) == row


RIGHTS = {"is_active", "is_staff", "is_superuser", "groups", "username"}


def test_an_id_links_no_row_with_permissions_of_its_own(how: str, caplog: pytest.LogCaptureFixture) -> None:
    # Of jeton's users somebody got the id by chance, or by making many, and then the name.
    row = User.objects.create(pk=7, username="zoe")
    row.user_permissions.set(Permission.objects.all()[:20])
    for sync in (RIGHTS, RIGHTS - {"groups"}, set()):
        with project(USER=how, SYNC=sync):
            caplog.clear()
            assert seen(is_staff=True) is None and not Link.objects.exists() and User.objects.get() == row
        (line,) = [record.getMessage() for record in caplog.records if record.name == "jeton_client"]
        assert "has permissions of its own here" in line and "`manage.py jeton_link 7 7`" in line
    with project(USER=how):
        # As the guide has it.
        for user in User.objects.filter(user_permissions__isnull=False, jeton_link=None).distinct():
            Link.objects.create(sub=str(user.pk), user=user)
        assert seen() == row and row.user_permissions.count() == 20


def test_an_id_links_a_row_of_other_groups_only_where_they_follow(how: str, caplog: pytest.LogCaptureFixture) -> None:
    row = User.objects.create(pk=7, username="zoe")
    row.groups.set([Group.objects.create(name="billing"), Group.objects.create(name="reports")])
    with project(USER=how, SYNC=RIGHTS - {"groups"}):
        assert seen(groups=["reports"]) is None and not Link.objects.exists()
        assert "'billing'" in caplog.text and "`manage.py jeton_link 7 7`" in caplog.text
        # As imported, and nobody need do anything.
        assert seen(groups=["billing", "reports"]) == row
    Link.objects.all().delete()
    with project(USER=how):
        assert seen(groups=["reports"]) == row and [group.name for group in row.groups.all()] == ["reports"]


@pytest.mark.parametrize("beside", [False, True])
def test_who_was_renamed_before_the_first_visit_gets_no_second_row(
    how: str, beside: bool, jeton: Jeton, bob: Tuple[Dict[str, Any], str], caplog: pytest.LogCaptureFixture
) -> None:
    user, key = bob
    row = imported(user)
    note(row, "bob's")
    name = f"{user['username']}-robert"
    jeton.change(user["username"], username=name)
    if beside:  # and the new name was another's here
        Link.objects.create(sub="1", user=User.objects.create(username=name))
    before = User.objects.count()
    refused(key)
    assert User.objects.count() == before and not Link.objects.filter(user=row).exists()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "jeton_client"]
    assert "another name" in line and f"`manage.py jeton_link {row.pk} {user['id']}`" in line
    call_command("jeton_link", str(row.pk), str(user["id"]))
    assert mine(key) == ["bob's"]


def test_an_id_of_another_kind_is_nobodys_here() -> None:
    User.objects.create(pk=7, username="root")
    with project(USER="create"):
        assert seen(external_id="of-another-kind").username == "zoe"
        assert seen(username="far", user_id=2**70, sub="far").username == "far"


def test_a_name_links_where_the_project_says_so(how: str) -> None:
    row = User.objects.create(username="zoe")
    assert seen() is None and not Link.objects.exists()
    with project(USER=how, LINK_BY_NAME=True):
        assert seen() == row
        other = seen(user_id=8, sub="8")
        assert other is None if how == "find" else other != row
    # From now on the link counts, whatever the setting and the name.
    assert seen(username="zora") == row and seen() == row


def test_external_ids_say_who_was_imported(how: str) -> None:
    row = User.objects.create(pk=5, username="zoe")
    # Their own id is another's, of another project.
    assert seen(user_id=5, sub="5", external_id="6") is None
    assert seen(external_id="5") == row


def test_each_issuer_has_its_own_subs(how: str) -> None:
    row = User.objects.create(pk=7, username="zoe")
    assert seen() == row
    # jeton is given a JETON_ISSUER: the same user.
    assert seen(iss="https://a.example") == row
    assert Link.objects.get().issuer == "https://a.example"
    # Another jeton's user 7.
    other = seen(iss="https://b.example")
    assert other is None if how == "find" else other != row
    assert seen(iss="https://a.example") == row


def test_a_link_from_before_the_issuer_is_not_anothers(how: str) -> None:
    row = User.objects.create(pk=7, username="zoe")
    assert seen() == row
    other = seen(iss="https://b.example", username="mallory")
    assert other is None if how == "find" else other != row


def test_nobody_is_found_or_one_is_made(how: str, bob: Tuple[Dict[str, Any], str]) -> None:
    user, key = bob
    if how == "find":
        refused(key)
        assert not User.objects.exists() and not Link.objects.exists()
        return
    first, again = authenticate(key)[0], authenticate(key)[0]
    assert first == again and User.objects.count() == Link.objects.count() == 1
    assert (first.username, first.email, first.has_usable_password()) == (user["username"], "bob@example.com", False)
    assert not (first.is_staff or first.is_superuser)


def test_rights_follow_each_answer(jeton: Jeton) -> None:
    username = jeton.user(is_staff=True, is_superuser=True, groups=["billing"])["username"]
    key = jeton.key(username)
    Group.objects.create(name="billing")

    def rights() -> Tuple[object, ...]:
        row = authenticate(key)[0]
        assert row.get_all_permissions() == User.objects.get(pk=row.pk).get_all_permissions()
        row = User.objects.get(pk=row.pk)
        groups = row.groups.order_by("name").values_list("name", flat=True)
        return row.is_active, row.is_staff, row.is_superuser, list(groups)

    with project(USER="create"):
        assert rights() == (True, True, True, ["billing"])
        jeton.change(username, is_superuser=False, groups=["billing", "bureau é"])
        assert rights() == (True, True, False, ["billing", "bureau é"])
        jeton.change(username, is_staff=False, groups=[])
        assert rights() == (True, False, False, [])
        # What was changed here goes back.
        User.objects.update(is_active=False, is_staff=True, is_superuser=True)
        User.objects.get().groups.add(Group.objects.get(name="billing"))
        assert rights() == (True, False, False, [])


def test_only_what_is_named_follows() -> None:
    with project(USER="create", SYNC=[]):
        row = seen(is_staff=True, is_superuser=True, groups=["billing"])
        assert not (row.is_staff or row.is_superuser or row.groups.exists()) and not Group.objects.exists()
        mine = Group.objects.create(name="mine")
        row.groups.add(mine)
        assert seen(username="zora", email="zora@example.com") == row
        row.refresh_from_db()
        assert (row.username, row.email, list(row.groups.all())) == ("zoe", "", [mine])
        User.objects.update(is_active=False)
        assert seen() is None
    with project(USER="create", SYNC=["email", "is_staff"]):
        assert seen(is_staff=True) is None
        row.refresh_from_db()
        assert row.is_staff
    with project(USER="create", SYNC=["email", "is_active"]):
        assert seen(email="zora@example.com").email == "zora@example.com"


def test_what_is_equal_is_not_written() -> None:
    with project(USER="create"):
        seen(groups=["billing"])
        with Queries() as queries:
            seen(groups=["billing"])
    assert len(queries) == 2 and all(query.startswith("SELECT") for query in queries)


def test_a_new_name_that_is_anothers_here_stays_theirs() -> None:
    root = User.objects.create(username="root", is_superuser=True)
    with project(USER="create"):
        row = seen()
        assert seen(username="root") == row != root
        row.refresh_from_db()
        assert row.username == "zoe" and User.objects.get(username="root") == root


def test_groups_that_only_look_alike_are_not_given() -> None:
    with connection.cursor() as cursor:
        make_case_blind(cursor, "auth_group", '"name" varchar(150) NOT NULL')
    theirs = Group.objects.create(name="BILLING")
    with project(USER="create"):
        row = seen(groups=["billing", "g" * 200, "reports"])
    assert [group.name for group in row.groups.all()] == ["reports"] and theirs not in row.groups.all()


@both
def test_a_user_of_another_case_is_another(how: str) -> None:
    with connection.cursor() as cursor:
        make_case_blind(cursor, "auth_user", '"username" varchar(150) NOT NULL')
    theirs = User.objects.create(pk=7, username="ZOE")
    assert User.objects.filter(username="zoe").exists()
    with project(USER=how, LINK_BY_NAME=True):
        assert seen() is None
    assert User.objects.get() == theirs and not Link.objects.exists()


def make_case_blind(cursor: Any, table: str, column: str) -> None:
    """As in MySQL, or with a collation of the project's own."""
    cursor.execute(f"alter table {table} rename to {table}_as_it_was")
    cursor.execute(f"select sql from sqlite_master where name = '{table}_as_it_was'")
    made = cursor.fetchone()[0].replace(f"{table}_as_it_was", table)
    assert column in made
    cursor.execute(made.replace(column, f"{column} COLLATE NOCASE"))


class Queries:
    def __enter__(self) -> list[str]:
        self._said: list[str] = []
        self._wrapper = connection.execute_wrapper(self._hear)
        self._wrapper.__enter__()
        return self._said

    def __exit__(self, *error: Any) -> None:
        self._wrapper.__exit__(*error)

    def _hear(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self._said.append(sql)
        return execute(sql, params, many, context)


@pytest.mark.parametrize("name", ["z" * 151, "z" * 149])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with project(USER="create"):
        if len(name) < 150:
            User.objects.create(username=name)
            Link.objects.create(sub="1", user=User.objects.get())
        assert seen(username=name) is None
        assert User.objects.count() == (len(name) < 150)


def test_one_identity_has_one_row_and_one_row_one_identity() -> None:
    zoe, other = User.objects.create(username="zoe"), User.objects.create(username="other")
    Link.objects.create(sub="7", user=zoe)
    for sub, user in (("7", other), ("8", zoe)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Link.objects.create(sub=sub, user=user)
    Link.objects.create(issuer="https://a.example", sub="7", user=other)


def test_a_row_that_is_deleted_takes_its_link_along() -> None:
    with project(USER="create"):
        first = seen()
        first.delete()
        assert not Link.objects.exists()
        assert seen().username == "zoe"


def test_an_admin_links_by_hand(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = User.objects.create(username="root", is_superuser=True)
    call_command("jeton_link", str(root.pk), "7")
    assert capsys.readouterr().out == "linked root to the user 7 of jeton\n"
    assert seen() == root
    for arguments, words in [((str(root.pk), "8"), "link already"), (("99", "8"), "no user"), (("x", "8"), "no user")]:
        with pytest.raises(CommandError, match=words):
            call_command("jeton_link", *arguments)


def test_the_admin_pages_list_search_make_and_delete() -> None:
    root = User.objects.create(username="root", is_staff=True, is_superuser=True)
    staff = User.objects.create(username="staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__endswith="_link"))
    zoe = User.objects.create(username="zoe")
    links = "/admin/jeton_client/link/"
    browser = Client()
    browser.force_login(root)
    response = browser.post(f"{links}add/", {"sub": "7", "issuer": "", "user": zoe.pk})
    assert response.status_code == 302
    link = Link.objects.get()
    for query, found in [("", True), ("zo", True), ("7", True), ("8", False), ("ro", False)]:
        assert (f"{link.pk}/" in browser.get(links, {"q": query}).content.decode()) == found
    page = browser.get(f"{links}{link.pk}/change/").content.decode()
    assert "_save" not in page
    # To give a row away is not staff's, whatever their permissions.
    browser.force_login(staff)
    assert browser.get(links).status_code == 200
    assert browser.post(f"{links}add/", {"sub": "8", "issuer": "", "user": root.pk}).status_code == 403
    assert browser.post(f"{links}{link.pk}/change/", {"sub": "8", "issuer": "", "user": root.pk}).status_code == 403
    browser.force_login(root)
    assert browser.post(f"{links}{link.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Link.objects.exists()


@both
def test_without_the_app_nobody_is_matched_by_name(how: str) -> None:
    User.objects.create(username="zoe")
    without = [app for app in settings.INSTALLED_APPS if app != APP]
    with project(USER=how), override_settings(INSTALLED_APPS=without):
        (error,) = run_checks(tags=["jeton_client"])
        assert error.id == "jeton_client.E001" and "INSTALLED_APPS" in error.msg
        with pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS"):
            authenticate("0" * 40)
    with project(USER=how):
        assert run_checks(tags=["jeton_client"]) == []


def test_a_check_names_what_is_wrong_with_the_settings() -> None:
    for name, value in [("URL", None), ("CLIENT_ID", None), ("CLIENT_SECRET", ""), ("USER", "guess")]:
        with project(**{name: value}):
            (error,) = run_checks(tags=["jeton_client"])
            assert error.id == "jeton_client.E002" and name in error.msg


def test_the_migrations_are_whole() -> None:
    call_command("makemigrations", "jeton_client", check=True, dry_run=True, verbosity=0)
