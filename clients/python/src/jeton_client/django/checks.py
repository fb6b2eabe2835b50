"""What `manage.py check`, and the start of a server, say of the settings. Registered by the app and by `jeton_client.drf`."""

from __future__ import annotations

from typing import Any, List

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from . import conf
from .fields import FLAGS, field_of, has_groups


@register("jeton_client")
def check_settings(**_options: Any) -> List[CheckMessage]:
    if conf.wants_app():
        return [Error(conf.APP_MISSING, id="jeton_client.E001")]
    try:
        configured = conf.configured()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="jeton_client.E002")]
    if configured.user == "answer":
        return []
    model = get_user_model()
    lacking = [name for name in FLAGS if name in configured.sync and not field_of(model, name)]
    if "groups" in configured.sync and not has_groups(model):
        lacking.append("groups")
    if not lacking:
        return []
    return [
        Warning(
            f"{settings.AUTH_USER_MODEL} has no field of Django's for {', '.join(lacking)}: "
            "they do not follow jeton's answer.",
            hint=f"Name in JETON[\"SYNC\"] what shall follow: {sorted(configured.sync.difference(lacking))}.",
            id="jeton_client.W001",
        )
    ]
