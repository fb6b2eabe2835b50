from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    value = models.CharField(max_length=40, unique=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    made = models.DateTimeField()
    ends = models.DateTimeField(null=True)
    revoked = models.BooleanField(default=False)
