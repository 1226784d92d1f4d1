"""The officer's pages about the logs: how each stands, one entry with its proof, what is wrong, and a verification on demand.

They show what anyone may read (heads, leaves, proofs) and how the service itself is doing, never an opening: so no look is entered here.
To verify changes nothing that the log speaks of, and is no entry either; who sees it asked for is `Verification`.
"""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.adminconsent.room import Room
from config.adminsite import ReadOnly
from config.alarmwords import cure_of, shown, title_of
from hooks.wake import wake
from ledger import leaf, note, policy, proof
from ledger.errors import InvalidLeaf, LedgerError
from ledger.models import Alarm, Anchor, Checkpoint, Entry, Log, Verification, Witnessing
from ledger.overview import Standing, standings
from ledger.prove import Checked, check
from ledger.publish import witness_policy
from ledger.queries import entry_by_ref, is_pending
from ledger.verify_now import ask

LOGS_A_PAGE = 100
NEWEST = 10
FIELDS: dict[str, Promise] = {
    "v": _("version of the leaf's form"),
    "log": _("the log it belongs to"),
    "index": _("its place, counted from 0"),
    "prev": _("the hash of the entry before it"),
    "at": _("when"),
    "kind": _("what happened"),
    "ref": _("the entry's own id"),
    "mark": _("lets the person's wallet find it; random where it is about nobody"),
    "actor": _("commitment to who did it"),
    "subject": _("commitment to whom it is about"),
    "payload": _("commitment to what was recorded"),
}
"""A leaf's fields, in the order in which they are shown."""


@admin.register(Log)
class LogAdmin(Room):
    """Logs, their heads, their entries."""

    pages = "admin/ledger"

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of entries and the button; they go first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("entry/", view(self.find_entry), name="ledger_log_find"),
            path("<path:object_id>/entry/<int:index>/", view(self.entry), name="ledger_log_entry"),
            path("<path:object_id>/verify/", view(self.verify), name="ledger_log_verify"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, _extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show how every log stands."""
        self.must_see(request)
        now = timezone.now()
        found = standings(now=now)
        page = Paginator(found, LOGS_A_PAGE).get_page(request.GET.get("p"))
        return self.page(
            request,
            "logs",
            title=gettext("Logs"),
            now=now,
            page=page,
            origins=[log.origin for log in found],
            alarms=shown((each for log in found for each in log.troubles), now=now),
        )

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one log."""
        now = timezone.now()
        log = self._standing(request, object_id)
        return self.page(
            request,
            "log",
            title=log.origin,
            now=now,
            log=log,
            key=quote(log.origin),
            alarms=shown(log.troubles, now=now),
            heads=Checkpoint.objects.filter(log=log.origin).order_by("-size")[:NEWEST],
            anchors=Anchor.objects.filter(log=log.origin).order_by("-size", "kind")[:NEWEST],
            earlier=Verification.objects.filter(log=log.origin).order_by("-id")[1:NEWEST],
            last=log.size - 1,
        )

    def verify(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a verification of the whole log; its findings appear on the log's page."""
        if request.method != "POST":
            raise PermissionDenied
        log = self._standing(request, object_id)
        ask(origin=log.origin, now=timezone.now())
        wake("ledger.verify_now")
        messages.info(request, gettext("The log is being verified. Look again in a moment."))
        return HttpResponseRedirect(reverse("admin:ledger_log_change", args=[quote(log.origin)]) + "#verification")

    def find_entry(self, request: HttpRequest) -> HttpResponse:
        """Go to the entry of a `ref`, or of a log and an index."""
        self.must_see(request)
        wanted, origin = request.GET.get("entry", "").strip(), request.GET.get("log", "")
        if wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
            found = Entry.objects.filter(log=origin, index=int(wanted)).first()
            waits = False
        else:
            try:
                ref = uuid.UUID(wanted)
            except ValueError:
                found, waits = None, False
            else:
                found = entry_by_ref(ref=ref)
                waits = found is None and is_pending(ref=ref)
        if found is not None:
            return HttpResponseRedirect(_address_of(found.log_id, found.index))
        if waits:
            messages.info(request, gettext("This entry is kept and has no place yet. Look again in a moment."))
        else:
            messages.error(request, gettext("There is no such entry."))
        return HttpResponseRedirect(reverse("admin:ledger_log_changelist"))

    def entry(self, request: HttpRequest, object_id: str, index: int) -> HttpResponse:
        """Show one leaf, and check its proof against what is published."""
        self.must_see(request)
        found = Entry.objects.select_related("log").filter(log=unquote(object_id), index=index).first()
        if found is None:
            raise Http404
        checked = check(found)
        text = bytes(found.leaf).decode(errors="replace")
        return self.page(
            request,
            "entry",
            title=gettext("Entry %(index)d") % {"index": index},
            log=found.log,
            key=quote(found.log_id),
            index=index,
            ref=found.ref,
            leaf=text,
            fields=_fields(bytes(found.leaf)),
            leaf_hash=bytes(found.leaf_hash).hex(),
            checked=checked,
            cosigned_by=_cosigned_by(found.log, checked),
            previous=_address_of(found.log_id, index - 1) if index else None,
            following=_address_of(found.log_id, index + 1) if index + 1 < found.log.size else None,
        )

    def _standing(self, request: HttpRequest, object_id: str) -> Standing:
        self.must_see(request)
        found = standings(now=timezone.now(), origins=[unquote(object_id)])
        if not found:
            raise Http404
        return found[0]


def _address_of(origin: str, index: int) -> str:
    return reverse("admin:ledger_log_entry", args=[quote(origin), index])


def _fields(data: bytes) -> list[tuple[str, Promise, str]]:
    """Return each field of a leaf with its meaning; none where it is no leaf, which a verification says."""
    try:
        read = leaf.decode(data)
    except InvalidLeaf:
        return []
    return [
        (name, meaning, value.hex() if isinstance(value, bytes) else str(value))
        for name, meaning in FIELDS.items()
        if (value := getattr(read, name, None)) is not None
    ]


def _cosigned_by(log: Log, checked: Checked) -> tuple[str, ...]:
    """Return which witnesses of our policy cosigned the published checkpoint."""
    try:
        trusted = witness_policy()
        if trusted is None or not checked.proof:
            return ()
        signed = proof.parse(checked.proof).checkpoint
        return policy.check(signed, trusted, log_verifiers=[note.Verifier.from_vkey(log.vkey)]).cosigned_by
    except (LedgerError, OSError):
        return ()


class StillOpen(admin.SimpleListFilter):
    """Whether it is so now."""

    title = _("state")
    parameter_name = "open"

    def lookups(self, _request: HttpRequest, _page: Any) -> list[tuple[str, str]]:
        """Name the choices."""
        return [("yes", gettext("open")), ("no", gettext("over"))]

    def queryset(self, _request: HttpRequest, alarms: QuerySet[Alarm]) -> QuerySet[Alarm]:
        """Choose."""
        chosen = self.value()
        return alarms if chosen not in {"yes", "no"} else alarms.filter(ended_at__isnull=chosen == "yes")


@admin.register(Alarm)
class AlarmAdmin(ReadOnly):
    """What was wrong with a log, and until when."""

    list_display = ("meaning", "log", "detail", "raised_at", "ended_at")
    list_filter = (StillOpen, "what")
    date_hierarchy = "raised_at"
    ordering = ("-raised_at", "-id")
    fields = ("meaning", "cure", "log", "detail", "what", "raised_at", "ended_at")
    readonly_fields = ("meaning", "cure")

    @admin.display(description=_("meaning"))
    def meaning(self, alarm: Alarm) -> SafeString:
        """Say what it is; in red as long as it is so."""
        return format_html('<span class="{}">{}</span>', "" if alarm.ended_at else "alarmed", title_of(alarm.what))

    @admin.display(description=_("what to do"))
    def cure(self, alarm: Alarm) -> Promise | str:
        """Say what to do about it."""
        return cure_of(alarm.what)


@admin.register(Verification)
class VerificationAdmin(ReadOnly):
    """Verifications that were asked for, and what they found."""

    list_display = ("log", "asked_at", "started_at", "ended_at", "size", "errors")
    ordering = ("-id",)
    exclude = ("findings",)
    readonly_fields = ("found",)

    @admin.display(description=_("findings"))
    def found(self, verification: Verification) -> str:
        """Show them, one line each."""
        return "\n".join(verification.findings)


@admin.register(Witnessing)
class WitnessingAdmin(ReadOnly):
    """How far each witness has come with each log."""

    list_display = ("witness", "log", "size", "cosigned_at", "trouble", "since")
    ordering = ("witness", "log")


@admin.register(Anchor)
class AnchorAdmin(ReadOnly):
    """Evidence from outside that a checkpoint existed."""

    list_display = ("log", "size", "kind", "at", "path")
    list_filter = ("kind",)
    ordering = ("-at", "-id")


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    """Signed heads."""

    list_display = ("log", "size", "signed_at")
    fields = ("log", "size", "note", "signed_at")
