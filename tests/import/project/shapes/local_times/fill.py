from datetime import datetime

from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships", date_joined=datetime(2026, 7, 1, 12))
    key = Token.objects.create(user=ann).key
    Token.objects.update(created=datetime(2026, 11, 30, 12))
    return {"key": key}
