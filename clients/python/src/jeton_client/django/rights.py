"""Compares the rights of a row with those of jeton's answer, and lets the row follow the answer."""

from __future__ import annotations

import logging
from typing import Any, FrozenSet, List, Optional

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, router, transaction

from ..introspection import Active
from .fields import FLAGS, field_of, has_groups
from .models import writing

logger = logging.getLogger("jeton_client")


def more_than(user: AbstractBaseUser, answer: Active, groups: bool) -> Optional[str]:
    """What the row may do that the answer's user may not, in words; None if there is nothing.

    `groups` says whether those count: where they are about to follow the answer, they give nothing.
    """
    if answer.is_superuser:
        return None
    if getattr(user, "is_superuser", False):
        return "is a superuser here and not at jeton"
    if getattr(user, "is_staff", False) and not answer.is_staff:
        return "is staff here and not at jeton"
    if groups and has_groups(type(user)):
        more = sorted(set(user.groups.values_list("name", flat=True)) - set(answer.groups))  # type: ignore[attr-defined]
        if more:
            return f"is in the group {more[0]!r} here and not at jeton"
    permissions = getattr(user, "user_permissions", None)  # they follow no answer
    if permissions is not None and permissions.exists():
        return "has permissions of its own here"
    return None


def follow(user: AbstractBaseUser, answer: Active, sync: FrozenSet[str]) -> None:
    """Writes the fields that follow the answer, exist in the model, and differ."""
    changed: List[str] = []
    for name in FLAGS:
        value = True if name == "is_active" else getattr(answer, name)
        if name in sync and field_of(type(user), name) and getattr(user, name) != value:
            setattr(user, name, value)
            changed.append(name)
    if changed:
        user.save(update_fields=changed)
    if "groups" in sync and has_groups(type(user)):
        _follow_groups(user, answer)
    model: Any = type(user)
    username = model.USERNAME_FIELD
    email = model.get_email_field_name()
    if "username" in sync:
        _rename(user, username, answer.username)
    if "email" in sync and email != username:
        _rename(user, email, answer.email)


def _follow_groups(user: Any, answer: Active) -> None:
    if {group.name for group in user.groups.all()} == set(answer.groups):
        return
    from django.contrib.auth.models import Group

    model = user._meta.get_field("groups").related_model
    field = field_of(Group, "name")
    longest = field.max_length or 0 if field else 0
    database = router.db_for_write(type(user), instance=user)
    groups = []
    with writing(database):
        for name in answer.groups:
            if len(name) > longest:
                logger.warning("the group %r has a name that is too long for this project: nobody is in it here", name)
                continue
            group = model._default_manager.using(database).get_or_create(name=name)[0]
            if group.name == name:  # some databases hold names that differ in the case of their letters for the same
                groups.append(group)
        user.groups.set(groups)


def _rename(user: Any, name: str, value: str) -> None:
    """Writes a value only if no other row has it."""
    field = field_of(type(user), name)
    before = getattr(user, name, None)
    if field is None or field.primary_key or before == value or not value or len(value) > (field.max_length or len(value)):
        return
    database = router.db_for_write(type(user), instance=user)
    others = type(user)._default_manager.using(database).exclude(pk=user.pk)
    if field.unique and others.filter(**{name: value}).exists():
        return
    setattr(user, name, value)
    try:
        with transaction.atomic(using=database):
            user.save(update_fields=[name])
    except IntegrityError:
        setattr(user, name, before)
