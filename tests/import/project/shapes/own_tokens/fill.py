from datetime import datetime, timezone

from django.contrib.auth.models import User

from .models import ApiToken


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships")
    made = datetime(2026, 11, 1, tzinfo=timezone.utc)
    for letter, ends, revoked in [("a", None, False), ("b", datetime(2026, 11, 2, tzinfo=timezone.utc), False), ("c", None, True)]:
        ApiToken.objects.create(value=letter * 40, owner=ann, made=made, ends=ends, revoked=revoked)
    return {"key": "a" * 40, "expired": "b" * 40, "revoked": "c" * 40}
