from django.contrib.auth.hashers import make_password
from rest_framework.authtoken.models import Token

from .models import User


def fill():
    ann = User.objects.create(email="ann@example.com", password=make_password("tall ships"))
    return {"key": Token.objects.create(user=ann).key}
