from django.contrib.auth.models import Group
from knox.models import get_token_model
from rest_framework.authtoken.models import Token

from .models import User


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships")
    bea = User.objects.create_user("bea", "bea@example.com", "tall masts")
    ann.groups.add(Group.objects.create(name="ops"))
    _, knox = get_token_model().objects.create(bea, expiry=None)
    return {"key": Token.objects.create(user=ann).key, "knox": knox, "ann": str(ann.pk), "bea": str(bea.pk)}
