from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView


class ExampleView(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request, format=None):
        return Response({"user": str(request.user), "id": request.user.pk, "is_staff": request.user.is_staff})
