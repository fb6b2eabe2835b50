from django.urls import path
from rest_framework.authtoken.views import obtain_auth_token

from views import ExampleView

urlpatterns = [
    path("api/example/", ExampleView.as_view()),
    path("api-token-auth/", obtain_auth_token),
]
