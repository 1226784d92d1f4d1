"""What the REST surface hands out as a paper."""

import uuid

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import app_of
from portal.typeset import typeset_certificate
from retention.api import certificate_for


class ErasurePaper(APIView):
    """The certificate of an erasure that is about this app alone, for people; the file is what proves it."""

    required_scopes = ["consent"]

    @extend_schema(
        operation_id="get_certificate_paper",
        tags=["retention"],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, erasure_id: uuid.UUID) -> HttpResponse:
        """Return it as a PDF, in the language that `Accept-Language` asks for, as long as the file is there."""
        signed = certificate_for(app=app_of(request), erasure_id=erasure_id)
        return HttpResponse(
            typeset_certificate(signed, now=timezone.now()),
            content_type="application/pdf",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="erasure-{erasure_id}.pdf"',
            },
        )
