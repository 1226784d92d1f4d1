from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config import tokens
from config.docs import docs, document
from config.health import alive, ready
from config.metrics import metrics
from consent.api_grants import jwks
from portal.api import ErasurePaper

# Officers sign in where everybody does: there wrong passwords are counted.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler404 = "config.problems.not_found"
urlpatterns = [
    path("", include("portal.urls")),
    path("", include("ledger.urls")),
    path(".well-known/jwks.json", jwks, name="jwks"),
    path("api/v1/", include("consent.urls")),
    path("api/v1/", include("hooks.urls")),
    path("", include("retention.urls")),
    path("", include("guard.urls")),
    path("", include("zkp.urls")),
    path("api/v1/erasures/<uuid:erasure_id>/certificate.pdf", ErasurePaper.as_view(), name="erasure_paper"),
    path("api/schema/", document, name="schema"),
    path("api/docs/", docs, name="docs"),
    # The token endpoints alone: apps are registered by the operator, and have no pages here.
    path("oauth/token", tokens.token, name="oauth_token"),
    path("oauth/revoke", tokens.revoke, name="oauth_revoke"),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("healthz", alive, name="healthz"),
    path("readyz", ready, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
