from django.urls import path

from portal import views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("consent/<str:token>/", views.consent_screen, name="consent"),
    path("apps/", views.apps, name="apps"),
    path("apps/withdraw/<uuid:grant_id>/", views.withdraw, name="withdraw"),
    path("stop-all/", views.stop_all, name="stop_all"),
    path("records/", views.records, name="records"),
    path("theme/", views.theme, name="theme"),
]
