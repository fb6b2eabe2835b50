from datetime import datetime, timezone

from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships")
    bea = User.objects.create_user("bea", "bea@example.com", "tall masts")
    keys = {"key": Token.objects.create(user=ann).key, "expired": Token.objects.create(user=bea).key}
    Token.objects.filter(user=ann).update(created=datetime(2026, 11, 29, tzinfo=timezone.utc))
    Token.objects.filter(user=bea).update(created=datetime(2026, 11, 27, tzinfo=timezone.utc))
    return keys
