"""The reference: a view that does nothing, for an app with a token."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Empty(APIView):
    """Nothing."""

    required_scopes = ["record"]

    def get(self, _request: Request) -> Response:
        """Answer nothing."""
        return Response({})
