from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


class Key(AbstractAuthToken):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="keys")
    device = models.CharField(max_length=50, blank=True)
