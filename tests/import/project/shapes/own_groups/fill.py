from django.contrib.auth import models as auth
from django.contrib.auth.hashers import make_password
from rest_framework.authtoken.models import Token

from .models import Group, Member


def fill():
    auth.Group.objects.create(name="administrators")
    readers = Group.objects.create(name="readers")
    ann = Member.objects.create(username="ann", email="ann@example.com", password=make_password("tall ships"))
    ann.groups.add(readers)
    return {"key": Token.objects.create(user=ann).key}
