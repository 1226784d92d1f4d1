"""The service's own addresses, and one that does nothing."""

from django.urls import include, path

from retention.bench.empty import Empty

urlpatterns = [path("bench/empty", Empty.as_view()), path("", include("config.urls"))]
