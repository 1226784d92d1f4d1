"""What the compliance officer sees: every row of the domain, none of them editable."""

from django.contrib import admin

from accounts.models import App, Tenant, User
from config.adminsite import ReadOnly
from consent.models import ConsentRequest, Grant, Notice, Purpose, Session, Subject
from ledger.models import Checkpoint, Log
from retention.models import Artifact, Policy


@admin.register(User)
class UserAdmin(ReadOnly):
    """People."""

    list_display = ("email", "is_staff", "is_active", "date_joined")
    fields = ("id", "email", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")


@admin.register(Tenant)
class TenantAdmin(ReadOnly):
    """Tenants."""

    list_display = ("name", "slug", "origin", "created_at")


@admin.register(App)
class AppAdmin(ReadOnly):
    """Apps."""

    list_display = ("name", "tenant", "suspended_at", "created")
    fields = ("id", "name", "tenant", "website", "client_id", "suspended_at", "created", "updated")


@admin.register(Purpose)
class PurposeAdmin(ReadOnly):
    """The catalogue."""

    list_display = ("slug", "use_class", "strength")


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    """What people read."""

    list_display = ("app", "purpose", "locale", "version", "published_at")
    list_filter = ("locale",)


@admin.register(Subject)
class SubjectAdmin(ReadOnly):
    """Subjects, by id: who they are is told by no list."""

    subject_path = "self"
    list_display = ("id", "tenant", "created_at")
    fields = ("id", "tenant", "created_at")


@admin.register(ConsentRequest)
class ConsentRequestAdmin(ReadOnly):
    """Requests."""

    list_display = ("id", "app", "purpose", "state", "created_at", "expires_at")
    list_filter = ("state",)
    fields = ("id", "app", "purpose", "operations", "term", "state", "created_at", "expires_at", "answered_at")


@admin.register(Grant)
class GrantAdmin(ReadOnly):
    """Grants."""

    subject_path = "subject"
    list_display = ("id", "app", "purpose", "state", "valid_from", "valid_until", "uses_left")
    list_filter = ("state", "purpose")
    date_hierarchy = "valid_from"


@admin.register(Session)
class SessionAdmin(ReadOnly):
    """Sessions."""

    subject_path = "grant.subject"
    list_display = ("id", "app", "opened_at", "expires_at", "closed_at")


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly):
    """Artifacts."""

    subject_path = "subject"
    list_display = ("id", "kind", "app", "state", "recorded_at", "expires_at", "key_destroyed_at", "erased_at")
    list_filter = ("state", "kind")
    date_hierarchy = "recorded_at"


@admin.register(Policy)
class PolicyAdmin(ReadOnly):
    """Retention policies."""

    list_display = ("kind", "app", "ttl", "longest_seconds", "lowest_rate")


@admin.register(Log)
class LogAdmin(ReadOnly):
    """Logs and their heads."""

    list_display = ("origin", "size")
    fields = ("origin", "size", "vkey")


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    """Signed heads."""

    list_display = ("log", "size", "signed_at")
    fields = ("log", "size", "note", "signed_at")
