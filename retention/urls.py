from django.urls import path

from retention import api

app_name = "retention"
urlpatterns = [
    path("uploads", api.Uploads.as_view(), name="uploads"),
    path("artifacts/<uuid:artifact_id>", api.ArtifactDetail.as_view(), name="artifact"),
    path("artifacts/<uuid:artifact_id>/content", api.ArtifactContent.as_view(), name="content"),
]
