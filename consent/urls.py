from django.urls import path

from consent import api

app_name = "consent"
urlpatterns = [
    path("consent-requests", api.ConsentRequests.as_view(), name="requests"),
    path("consent-requests/<uuid:request_id>", api.ConsentRequestDetail.as_view(), name="request"),
    path("sessions", api.Sessions.as_view(), name="sessions"),
    path("sessions/<uuid:session_id>", api.SessionDetail.as_view(), name="session"),
]
