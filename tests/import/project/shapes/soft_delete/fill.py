from django.utils.timezone import now
from rest_framework.authtoken.models import Token

from .models import User


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships")
    gone = User.objects.create_user("gone", "gone@example.com", "tall masts", deleted_at=now())
    return {"key": Token.objects.create(user=ann).key, "deleted": Token.objects.create(user=gone).key}
