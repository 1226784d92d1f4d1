from django.urls import path

from zkp import api

app_name = "zkp"
urlpatterns = [
    path("api/v1/challenges", api.Challenges.as_view(), name="challenges"),
    path("api/v1/challenges/<uuid:challenge_id>", api.ChallengeDetail.as_view(), name="challenge"),
    path("api/v1/verifications", api.Verifications.as_view(), name="verifications"),
    path("api/v1/verifications/<uuid:challenge_id>", api.VerificationDetail.as_view(), name="verification"),
    path(".well-known/consonant-proofs.json", api.keys, name="keys"),
]
