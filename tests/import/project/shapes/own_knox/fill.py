from django.contrib.auth.models import User
from knox.models import get_token_model


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships")
    _, key = get_token_model().objects.create(ann, expiry=None)
    return {"key": key}
