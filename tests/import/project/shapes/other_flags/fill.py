from django.contrib.auth.hashers import make_password
from rest_framework.authtoken.models import Token

from .models import Account


def fill():
    password = make_password("tall ships")
    ann = Account.objects.create(username="ann", full_name="Ann Lee", email="ann@example.com", password=password, admin=True)
    gone = Account.objects.create(username="gone", full_name="G", email="g@example.com", password=password, active=False)
    return {"key": Token.objects.create(user=ann).key, "blocked": Token.objects.create(user=gone).key}
