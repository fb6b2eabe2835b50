from django.contrib.auth.models import Group, User
from rest_framework.authtoken.models import Token


def fill():
    ann = User.objects.create_user("ann", "ann@example.com", "tall ships", first_name="Ann", last_name="Lee")
    ann.groups.add(Group.objects.create(name="ops"))
    User.objects.create_superuser("root", "root@example.com", "tall masts")
    User.objects.create_user("gone", "", "x", is_active=False)
    return {"key": Token.objects.create(user=ann).key}
