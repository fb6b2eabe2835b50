from datetime import datetime, timezone

from django.contrib.auth.hashers import make_password

from .models import Key, Person, Seat, Team


def fill():
    ann = Person.objects.create(login="ann", password=make_password("tall ships"))
    gone = Person.objects.create(login="gone", password=make_password("tall masts"), enabled=False)
    ops, zoo = Team.objects.create(name="ops"), Team.objects.create(name="zoo")
    Seat.objects.create(person=ann, team=zoo, given_by=gone)
    Seat.objects.create(person=gone, team=ops, given_by=ann)
    made = datetime(2026, 11, 1, tzinfo=timezone.utc)
    for letter, holder in [("a", ann), ("b", gone)]:
        Key.objects.create(secret=letter * 40, holder=holder, made=made)
    return {"key": "a" * 40, "blocked": "b" * 40}
