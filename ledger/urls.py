from django.urls import path

from ledger import api

app_name = "ledger"
urlpatterns = [
    path("api/v1/entries/<uuid:ref>", api.EntryDetail.as_view(), name="entry"),
    path("api/v1/entries/<uuid:ref>/proof", api.EntryProof.as_view(), name="proof"),
    path("log/<path:path>", api.log_file, name="file"),
    path(".well-known/consonant.json", api.well_known, name="well_known"),
]
