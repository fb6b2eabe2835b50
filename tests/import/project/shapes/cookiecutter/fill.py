from django.contrib.auth.models import Group
from rest_framework.authtoken.models import Token

from .models import User


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships", name="Ann van der Lee")
    ann.groups.add(Group.objects.create(name="ops"))
    return {"key": Token.objects.create(user=ann).key}
