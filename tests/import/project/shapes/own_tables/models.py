from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class Team(models.Model):
    name = models.CharField(max_length=50, unique=True)
    objects = models.Manager()

    class Meta:
        db_table = "teams"

    def natural_key(self):
        return (self.name,)


class Person(AbstractBaseUser):
    login = models.CharField(max_length=50, unique=True, db_column="login_name")
    enabled = models.BooleanField(default=True, db_column="may_sign_in")
    teams = models.ManyToManyField(Team, through="Seat", through_fields=("person", "team"))
    objects = BaseUserManager()
    USERNAME_FIELD = "login"

    class Meta:
        db_table = "people"

    def natural_key(self):
        return (self.login,)


class Seat(models.Model):
    person = models.ForeignKey(Person, on_delete=models.CASCADE, db_column="who")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, db_column="where_to")
    given_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        db_table = "seats"


class Key(models.Model):
    secret = models.CharField(max_length=40, unique=True, db_column="secret_text")
    holder = models.ForeignKey(Person, on_delete=models.CASCADE, db_column="held_by")
    made = models.DateTimeField(db_column="made_at")

    class Meta:
        db_table = "people_keys"
