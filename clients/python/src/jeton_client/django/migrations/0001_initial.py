from django.conf import settings
from django.db import migrations, models
import django.db.models.deletion
import django.utils.timezone


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Link",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "issuer",
                    models.CharField(
                        blank=True, default="", help_text="jeton's JETON_ISSUER; empty where it has none.", max_length=255
                    ),
                ),
                (
                    "sub",
                    models.CharField(help_text="The user's id at jeton.", max_length=255, verbose_name="user of jeton"),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "last_seen_at",
                    models.DateTimeField(
                        editable=False, help_text="A token of theirs was checked here; to the hour.", null=True
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jeton_link",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=models.UniqueConstraint(fields=("issuer", "sub"), name="jeton_client_link_identity"),
        ),
    ]
