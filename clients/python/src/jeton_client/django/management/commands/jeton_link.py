from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction

from ...models import Link


class Command(BaseCommand):
    help = "Makes a row of this project the row of a user of jeton's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pk", help="primary key of the row")
        parser.add_argument("sub", help="the user's id at jeton: `jeton user show NAME`")
        parser.add_argument("--issuer", default="", help="jeton's JETON_ISSUER, where it has one")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        model = get_user_model()
        try:
            user = model._default_manager.get(pk=options["pk"])
        except (model.DoesNotExist, ValidationError, ValueError):
            raise CommandError(f"no user here has the primary key {options['pk']}") from None
        try:
            with transaction.atomic():
                Link.objects.create(issuer=options["issuer"], sub=options["sub"], user=user)
        except IntegrityError:
            raise CommandError("one of the two has a link already: it must be deleted first") from None
        self.stdout.write(f"linked {user.get_username()} to the user {options['sub']} of jeton")
