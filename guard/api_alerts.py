"""Alerts about an app's own hosts over REST, as lines that a SIEM reads."""

import uuid

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.strict import IdField, StrictSerializer
from guard.export import written
from guard.models import Alert
from guard.report import finding_of, standing

MOST_ALERTS = 1_000
FORMS = {"ocsf": "application/x-ndjson", "ecs": "application/x-ndjson", "cef": "text/plain; charset=utf-8"}


class AlertQuerySerializer(StrictSerializer):
    """Which alerts, and how they are written."""

    after = IdField(required=False, help_text="The id of the newest alert that you have: those raised later follow.")
    since = serializers.DateTimeField(required=False, help_text="Those raised from then on.")
    format = serializers.ChoiceField(list(FORMS), required=False, default="ocsf")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=MOST_ALERTS, default=100)


class Alerts(APIView):
    """What was alarming on the app's hosts."""

    required_scopes = ["guard"]

    @extend_schema(
        operation_id="list_alerts",
        parameters=[AlertQuerySerializer],
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR, (200, "text/plain"): OpenApiTypes.STR, 422: None},
    )
    def get(self, request: Request) -> HttpResponse:
        """Return them, one a line, in the order in which they were raised; an empty body: there are no more."""
        words = AlertQuerySerializer.words_of(dict(request.query_params.items()))
        alerts = Alert.objects.filter(app=app_of(request)).select_related("host__tenant", "app").order_by("id")
        if "since" in words:
            alerts = alerts.filter(raised_at__gte=words["since"])
        if "after" in words:
            alerts = alerts.filter(id__gt=uuid.UUID(str(words["after"])))
        form = words["format"]
        lines = [written(finding_of(alert, standing(alert)), form) for alert in alerts[: words["limit"]]]
        return HttpResponse(
            "".join(f"{line}\n" for line in lines), content_type=FORMS[form], headers={"Cache-Control": "no-store"}
        )
