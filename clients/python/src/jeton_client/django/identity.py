"""Finds the row of this project for the user of an answer, by a link that is created when they are first seen."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, Optional

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, router
from django.db.models import EmailField
from django.utils import timezone

from ..introspection import Active
from . import rights
from .conf import Configured
from .models import Link, writing

logger = logging.getLogger("jeton_client")

#: How old `last_seen_at` may become before a request writes it again.
SEEN = timedelta(hours=1)


class NotLinked(Exception):
    """No row of this project is this user of jeton's. The message says why, and what an admin can do."""


class Busy(Exception):
    """SQLite, in a transaction of the project's own (ATOMIC_REQUESTS), beside another that writes."""


@dataclass(frozen=True)
class Identity:
    """The identity of a user, which does not depend on their name (OpenID Connect Core 5.7)."""

    issuer: str
    sub: str

    @classmethod
    def of(cls, answer: Active) -> Identity:
        return cls(answer.iss or "", answer.sub)


def user_of(answer: Active, configured: Configured) -> Optional[AbstractBaseUser]:
    """The row, with the rights of the answer; None, and a line in the log, if there is no row for this user."""
    identity = Identity.of(answer)
    try:
        user = _linked(identity, router.db_for_read(Link))
        if user is None:
            user = _first_seen(identity, answer, configured)
        else:
            _update(user, answer, configured)
    except NotLinked as refusal:
        logger.warning("the user %r of jeton (sub %s) is not let in: %s", answer.username, identity.sub, refusal)
        return None
    except OperationalError as error:
        if "database is locked" in str(error):
            raise Busy from error
        raise
    return user if user.is_active else None


def _linked(identity: Identity, database: str) -> Optional[AbstractBaseUser]:
    users = get_user_model()._default_manager.using(database).select_related("jeton_link")
    user: Optional[AbstractBaseUser] = users.filter(
        jeton_link__issuer=identity.issuer, jeton_link__sub=identity.sub
    ).first()
    return user


def _first_seen(identity: Identity, answer: Active, configured: Configured) -> AbstractBaseUser:
    database = router.db_for_write(Link)
    try:
        with writing(database):
            user = _linked(identity, database) or _linked_before_issuer(identity, answer, database)
            if user is None:
                user = _choose(answer, configured, database)
                Link.objects.using(database).create(issuer=identity.issuer, sub=identity.sub, user=user)
            _update(user, answer, configured)
            return user
    except IntegrityError:
        user = _linked(identity, database)  # a request beside this one was quicker
        if user is None:
            raise NotLinked("the database takes no such row") from None
        _update(user, answer, configured)
        return user


def _linked_before_issuer(identity: Identity, answer: Active, database: str) -> Optional[AbstractBaseUser]:
    """jeton had no JETON_ISSUER when the link was made. A name that differs too may be another jeton's user."""
    user = _linked(Identity("", identity.sub), database) if identity.issuer else None
    if user is None or user.get_username() != answer.username:
        return None
    Link.objects.using(database).filter(user=user).update(issuer=identity.issuer)
    return user


def _choose(answer: Active, configured: Configured, database: str) -> AbstractBaseUser:
    """The row for a user who is not linked yet."""
    model: Any = get_user_model()
    users = model._default_manager.using(database)
    named: Optional[AbstractBaseUser] = users.filter(**{model.USERNAME_FIELD: answer.username}).first()
    if named is None:
        _refuse_renamed(answer, database)
        if configured.user == "find":
            raise NotLinked("nobody here has that name")
        return _make(answer, answer.username, database)
    if Link.objects.using(database).filter(user=named).exists():
        _refuse_renamed(answer, database)
        if configured.user == "find":
            raise NotLinked("whoever has that name here is another user of jeton's, who had it before")
        return _make(answer, f"{answer.username}-{Identity.of(answer).sub}", database)
    # Some databases treat names that differ only in case as equal; for jeton they are two users.
    if named.get_username() != answer.username:
        _refuse(named, answer, "differs in the case of its letters")
    imported = str(named.pk) == _id_here(answer)
    if not imported and not configured.link_by_name:
        _refuse(named, answer, 'has another id, and JETON["LINK_BY_NAME"] is off')
    more = rights.more_than(named, answer, groups=not imported or "groups" not in configured.sync)
    if more is not None:
        _refuse(named, answer, more)
    return named


def _id_here(answer: Active) -> str:
    """The primary key of the user's row, if the users of this project were imported."""
    return str(answer.external_id or answer.user_id)


def _refuse_renamed(answer: Active, database: str) -> None:
    """An imported user who was renamed at jeton before their first request has a row, and must not get a second one."""
    model: Any = get_user_model()
    key: Any = model._meta.pk
    if key.name == model.USERNAME_FIELD:
        return
    key = getattr(key, "target_field", key)
    try:
        pk = key.to_python(_id_here(answer))
        key.run_validators(pk)
    except ValidationError:
        return  # ids here are of another kind
    try:
        row: Optional[AbstractBaseUser] = model._default_manager.using(database).filter(pk=pk).first()
    except OverflowError:  # Django 4.2 with SQLite
        return
    if row is not None and not Link.objects.using(database).filter(user=row).exists():
        _refuse(row, answer, "has the same id and another name", " If they are not, make a row for this one and link that.")


def _refuse(named: AbstractBaseUser, answer: Active, why: str, more: str = "") -> NoReturn:
    identity = Identity.of(answer)
    issuer = f" --issuer {identity.issuer}" if identity.issuer else ""
    raise NotLinked(
        f"{named.get_username()!r} here (pk {named.pk}) {why}. If they are the same person, link them: in the admin, "
        f"or by `manage.py jeton_link {named.pk} {identity.sub}{issuer}`.{more}"
    )


def _make(answer: Active, name: str, database: str) -> AbstractBaseUser:
    """Creates a row without a password, and with no rights but those that follow the answer."""
    model: Any = get_user_model()
    fields = {"password": make_password(None)}
    if hasattr(model, "EMAIL_FIELD"):
        fields[model.get_email_field_name()] = answer.email
    fields[model.USERNAME_FIELD] = name
    field = model._meta.get_field(model.USERNAME_FIELD)
    if field.max_length is not None and len(name) > field.max_length:
        raise NotLinked(f"the name {name!r} is too long for this project")
    if name != answer.username:
        try:
            field.run_validators(name)
            fits = not isinstance(field, EmailField)  # it would be another address, perhaps somebody's
        except ValidationError:
            fits = False
        if not fits:
            raise NotLinked("that name is another's here, who had it before at jeton: give that row another name")
    user: AbstractBaseUser = model._default_manager.db_manager(database).create(**fields)
    return user


def _update(user: Any, answer: Active, configured: Configured) -> None:
    rights.follow(user, answer, configured.sync)
    link, now = user.jeton_link, timezone.now()
    if link.last_seen_at is None or now - link.last_seen_at > SEEN:
        link.last_seen_at = now
        link.save(update_fields=["last_seen_at"])
