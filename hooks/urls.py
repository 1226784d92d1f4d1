from django.urls import path

from hooks import api

app_name = "hooks"
urlpatterns = [
    path("hooks", api.Hooks.as_view(), name="hooks"),
    path("hooks/<uuid:hook_id>", api.Hook.as_view(), name="hook"),
    path("hooks/<uuid:hook_id>/secret", api.Secret.as_view(), name="hook_secret"),
]
