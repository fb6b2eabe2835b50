"""Which columns of a user model can follow jeton's answer."""

from __future__ import annotations

from typing import Any, Optional, Type

from django.core.exceptions import FieldDoesNotExist
from django.db import models

FLAGS = ("is_active", "is_staff", "is_superuser")


def field_of(model: Type[models.Model], name: str) -> Optional[models.Field[Any, Any]]:
    """The column that can follow an answer; None if the model has no such column, or a property instead."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) else None


def has_groups(model: Type[models.Model]) -> bool:
    """Whether `groups` are Django's, and are set by their ids alone."""
    field = field_of(model, "groups")
    if not isinstance(field, models.ManyToManyField):
        return False
    from django.contrib.auth.models import Group

    related, through = field.related_model, field.remote_field.through
    return isinstance(related, type) and issubclass(related, Group) and through is not None and bool(through._meta.auto_created)
