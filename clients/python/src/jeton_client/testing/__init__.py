"""A jeton for the tests of a service: no server, no network.

    def test_reports(fake_jeton, client):             # pytest finds the fixture by itself
        key = fake_jeton.token("alice", scope="reports:read")
        response = client.get("/reports/", headers={"Authorization": f"Token {key}"})

    class ReportsTest(FakeJetonMixin, APITestCase):   # Django's test cases
        def test_reports(self):
            self.client.credentials(HTTP_AUTHORIZATION="Token " + self.jeton.token("alice"))

`FakeJeton(import_tokens=True)` also knows the project's own rows of tokens: for tests from before jeton.
"""

from .fake import FakeJeton
from .mixin import FakeJetonMixin

__all__ = ["FakeJeton", "FakeJetonMixin"]
