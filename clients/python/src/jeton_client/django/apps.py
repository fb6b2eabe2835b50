from __future__ import annotations

from django.apps import AppConfig


class JetonConfig(AppConfig):
    name = "jeton_client.django"
    label = "jeton_client"
    verbose_name = "jeton"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (it registers itself)
