from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import Any, Iterator, Optional

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone


class Link(models.Model):
    """Links a user of jeton to a row of this project. Each has at most one link."""

    issuer: "models.CharField[str, str]" = models.CharField(
        max_length=255, blank=True, default="", help_text="jeton's JETON_ISSUER; empty where it has none."
    )
    sub: "models.CharField[str, str]" = models.CharField(
        "user of jeton", max_length=255, help_text="The user's id at jeton."
    )
    user: "models.OneToOneField[Any, Any]" = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jeton_link"
    )
    created_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at: "models.DateTimeField[Optional[datetime], Optional[datetime]]" = models.DateTimeField(
        null=True, editable=False, help_text="A token of theirs was checked here; to the hour."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "sub"], name="jeton_client_link_identity")]

    def __str__(self) -> str:
        return f"{self.sub} is {self.user}"


@contextmanager
def writing(database: str) -> Iterator[None]:
    """A transaction that reads and then writes. It begins with a write that changes nothing, because SQLite lets such
    a transaction wait for its turn, and refuses at once one that has read when another was quicker to write."""
    with transaction.atomic(using=database):
        Link.objects.using(database).filter(pk=0).update(sub="")
        yield
