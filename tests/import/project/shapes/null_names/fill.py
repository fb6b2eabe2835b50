from django.contrib.auth.hashers import make_password
from rest_framework.authtoken.models import Token

from .models import User


def fill():
    password = make_password("tall ships")
    ann = User.objects.create(username="ann", password=password)
    for _ in range(2):
        nobody = User.objects.create(username=None, password=password)
    User.objects.create(username="", password=password)
    return {"key": Token.objects.create(user=ann).key, "nobodys": Token.objects.create(user=nobody).key}
