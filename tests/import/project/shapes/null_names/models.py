from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    username = models.CharField(max_length=50, unique=True, null=True)
    first_name = models.CharField(max_length=50, null=True)
    email = models.EmailField(null=True)
    date_joined = models.DateTimeField(null=True)
