from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class Group(models.Model):
    name = models.CharField(max_length=50)


class Member(AbstractBaseUser):
    username = models.CharField(max_length=50, unique=True)
    email = models.EmailField()
    is_active = models.BooleanField(default=True)
    groups = models.ManyToManyField(Group)
    objects = BaseUserManager()
    USERNAME_FIELD = "username"
