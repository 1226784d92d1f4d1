from django.urls import path

from retention import api, api_batch, api_made, api_marks, api_processors, api_sessions, api_statements

app_name = "retention"
urlpatterns = [
    path("api/v1/sessions", api_sessions.Sessions.as_view(), name="sessions"),
    path("api/v1/records:batch", api_batch.Records.as_view(), name="batch"),
    path("api/v1/grants/<uuid:grant_id>/statements", api_statements.Statements.as_view(), name="statements"),
    path(
        "api/v1/grants/<uuid:grant_id>/statements/<uuid:statement_id>/recording",
        api_statements.Recording.as_view(),
        name="recording",
    ),
    path("api/v1/uploads", api.Uploads.as_view(), name="uploads"),
    path("api/v1/embeddings", api.Embeddings.as_view(), name="embeddings"),
    path("api/v1/models", api_made.Models.as_view(), name="models"),
    path("api/v1/features", api_made.FeatureSets.as_view(), name="features"),
    path("api/v1/transcripts", api_made.Transcripts.as_view(), name="transcripts"),
    path("api/v1/syntheses", api.Syntheses.as_view(), name="syntheses"),
    path("api/v1/artifacts/<uuid:artifact_id>", api_made.ArtifactRow.as_view(), name="artifact"),
    path("api/v1/artifacts/<uuid:artifact_id>/content", api.ArtifactContent.as_view(), name="content"),
    path("api/v1/artifacts/<uuid:artifact_id>/places", api.Places.as_view(), name="places"),
    path("api/v1/artifacts/<uuid:artifact_id>/mark", api_marks.Label.as_view(), name="mark"),
    path("api/v1/artifacts/<uuid:artifact_id>/label-waivers", api_marks.Waivers.as_view(), name="waivers"),
    path(".well-known/c2pa-root.pem", api_marks.root, name="c2pa_root"),
    path("api/v1/artifacts/<uuid:artifact_id>/erasure-acks", api.Acknowledgements.as_view(), name="acks"),
    path("api/v1/artifacts/<uuid:artifact_id>/disclosures", api_processors.Disclosures.as_view(), name="disclosures"),
    path("api/v1/processors", api_processors.Processors.as_view(), name="processors"),
    path(
        "api/v1/disclosures/<uuid:disclosure_id>/attestations",
        api_processors.Attestations.as_view(),
        name="attestations",
    ),
    path("api/v1/erasures", api.Erasures.as_view(), name="erasures"),
    path("api/v1/erasures/<uuid:erasure_id>", api.ErasureDetail.as_view(), name="erasure"),
    path("api/v1/erasures/<uuid:erasure_id>/certificate", api.ErasureCertificate.as_view(), name="certificate"),
    path("v1/voice/consent/<path:user_id>", api.VoiceConsent.as_view(), name="voice_consent"),
]
