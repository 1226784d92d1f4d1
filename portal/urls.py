from django.urls import path

from portal.views import apps, ask, events, now, records, rights, theme, tour

app_name = "portal"
urlpatterns = [
    path("", now.home, name="home"),
    path("now/card", now.card, name="card"),
    path("now/events", events.events, name="events"),
    path("stop-all/", now.stop_all, name="stop_all"),
    path("consent/<str:token>/", ask.consent_screen, name="consent"),
    path("apps/", apps.apps, name="apps"),
    path("apps/withdraw/<uuid:grant_id>/", apps.withdraw, name="withdraw"),
    path("records/", records.records, name="records"),
    path("records/erase/<uuid:artifact_id>/", records.erase_one, name="erase_one"),
    path("rights/", rights.rights, name="rights"),
    path("rights/erase/", rights.erase, name="erase_all"),
    path("rights/erase/<uuid:app_id>/", rights.erase, name="erase_app"),
    path("rights/erasures/<uuid:erasure_id>/", rights.erasure, name="erasure"),
    path("rights/erasures/<uuid:erasure_id>/certificate", rights.certificate, name="certificate"),
    path("theme/", theme.theme, name="theme"),
    path("tour/", tour.tour, name="tour"),
]
