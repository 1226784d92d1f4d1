from django.urls import path

from guard import api, api_alerts

app_name = "guard"
urlpatterns = [
    path("api/v1/telemetry", api.Telemetry.as_view(), name="telemetry"),
    path("api/v1/heartbeats", api.Heartbeats.as_view(), name="heartbeats"),
    path("api/v1/alerts", api_alerts.Alerts.as_view(), name="alerts"),
]
