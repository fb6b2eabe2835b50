from __future__ import annotations

from django.apps import AppConfig


class JetonConfig(AppConfig):
    name = "jeton_client.django"
    label = "jeton_client"
    verbose_name = "jeton"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, leftovers  # noqa: F401  (they register themselves; when views import `drf`, it is too late)
