from django.urls import path

from consent import api, api_grants

app_name = "consent"
urlpatterns = [
    path("consent-requests", api.ConsentRequests.as_view(), name="requests"),
    path("consent-requests/<uuid:request_id>", api.ConsentRequestDetail.as_view(), name="request"),
    path("grants", api_grants.Grants.as_view(), name="grants"),
    path("grants/<uuid:grant_id>/status-token", api_grants.GrantStatusToken.as_view(), name="status_token"),
    path("grants/<uuid:grant_id>/receipt", api_grants.GrantReceipt.as_view(), name="receipt"),
    path("sessions/<uuid:session_id>", api.SessionDetail.as_view(), name="session"),
]
