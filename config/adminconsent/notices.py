"""The room of notices: what each app tells people, version by version; what changed; write the next one, and publish it."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext

from config.adminconsent.forms import NoticeForm
from config.adminconsent.room import REFUSED, Room
from config.adminconsent.words import FIELDS, LANGUAGES, OPERATIONS, field_names, listed, purpose_name
from consent.draft_notice import draft_notice, start_notice
from consent.editions import Edition, editions, gaps
from consent.machine import LIVING
from consent.models import Declaration, Grant, Notice
from consent.notice_diff import Piece, compare
from consent.notice_fields import Field, asked
from consent.publish_notice import forced_by, publish_notice

_CHANGE = "change_notice"
_A_PAGE = 50


@dataclass(frozen=True)
class Shown:
    """One field of a version, beside the version before it."""

    field: Field
    label: Promise
    is_changed: bool
    languages: list[tuple[str, str, list[Piece], list[Piece], bool]]
    """Of each: its code, its name, the pieces before, the pieces now, and whether they differ."""


@admin.register(Notice)
class NoticeAdmin(Room):
    """What people read."""

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of versions; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        of, version = "of/<uuid:app_id>/<slug:purpose>/", "of/<uuid:app_id>/<slug:purpose>/<int:version>/"
        return [
            path(of, view(self.versions), name="consent_notice_versions"),
            path(f"{of}start/", view(self.start), name="consent_notice_start"),
            path(version, view(self.version), name="consent_notice_version"),
            path(f"{version}edit/", view(self.edit), name="consent_notice_edit"),
            path(f"{version}publish/", view(self.publish), name="consent_notice_publish"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, _extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show what each app tells people, purpose by purpose."""
        self.must_see(request)
        declared = Declaration.objects.select_related("app__tenant", "purpose").order_by("app__name", "purpose")
        page = Paginator(declared, _A_PAGE).get_page(request.GET.get("p"))
        rows = [self._row(declaration) for declaration in page]
        return self.page(request, "notices", title=gettext("Notices"), rows=rows, page=page)

    def _row(self, declaration: Declaration) -> dict[str, Any]:
        found = editions(app_id=declaration.app_id, purpose_id=declaration.purpose_id)
        published = next((edition for edition in found if edition.published_at), None)
        draft = found[0] if found and not found[0].published_at else None
        return {
            "declaration": declaration,
            "name": purpose_name(declaration.purpose),
            "published": published,
            "lacks": bool(published and _gaps(declaration, published)),
            "draft": draft,
            "address": reverse("admin:consent_notice_versions", args=[declaration.app_id, declaration.purpose_id]),
        }

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the version that a row belongs to."""
        try:
            notice = Notice.objects.get(id=uuid.UUID(str(object_id)))
        except (ValueError, Notice.DoesNotExist):
            raise Http404 from None
        return self.version(request, notice.app_id, notice.purpose_id, notice.version)

    def versions(self, request: HttpRequest, app_id: uuid.UUID, purpose: str) -> HttpResponse:
        """Show every version of what an app tells people for a purpose."""
        self.must_see(request)
        declaration = self._declaration(app_id, purpose)
        found = editions(app_id=app_id, purpose_id=purpose)
        under = dict(
            Grant.objects.filter(app=app_id, purpose=purpose)
            .values_list("notice__version")
            .annotate(living=Count("id", filter=Q(state__in=LIVING)))
        )
        rows = [(edition, under.get(edition.version, 0)) for edition in found]
        return self.page(
            request,
            "versions",
            title=self._title(declaration),
            declaration=declaration,
            operations=listed(declaration.operations, OPERATIONS),
            rows=rows,
            draft=found[0] if found and not found[0].published_at else None,
            may_act=self.may_act(request, _CHANGE),
        )

    def start(self, request: HttpRequest, app_id: uuid.UUID, purpose: str) -> HttpResponse:
        """Begin the next version."""
        actor = self.must_act(request, _CHANGE)
        self._declaration(app_id, purpose)
        version = start_notice(app_id=app_id, purpose=purpose, actor=actor, now=timezone.now())
        return redirect("admin:consent_notice_edit", app_id, purpose, version)

    def version(self, request: HttpRequest, app_id: uuid.UUID, purpose: str, version: int) -> HttpResponse:
        """Show a version beside the one before it, and what a draft lacks."""
        self.must_see(request)
        declaration = self._declaration(app_id, purpose)
        edition, before = self._edition(app_id, purpose, version)
        is_draft = edition.published_at is None
        older = Grant.objects.filter(app=app_id, purpose=purpose, state__in=LIVING, notice__version__lt=version)
        fields = _beside(declaration, edition, before)
        return self.page(
            request,
            "version",
            title=gettext("Version %(number)d") % {"number": version},
            heading=self._title(declaration),
            declaration=declaration,
            operations=listed(declaration.operations if is_draft else edition.operations, OPERATIONS),
            edition=edition,
            before=before,
            is_draft=is_draft,
            changed=[field for field in fields if field.is_changed],
            same=[field for field in fields if not field.is_changed],
            missing=[(LANGUAGES[locale], field_names(names)) for locale, names in _gaps(declaration, edition).items()],
            forced=field_names(forced_by(before, edition, operations=declaration.operations)) if is_draft else [],
            living=older.count() if is_draft else 0,
            seen=_digest(edition),
            may_act=self.may_act(request, _CHANGE),
        )

    def edit(self, request: HttpRequest, app_id: uuid.UUID, purpose: str, version: int) -> HttpResponse:
        """Write a draft."""
        actor = self.must_act(request, _CHANGE, post=False)
        declaration = self._declaration(app_id, purpose)
        edition, _before = self._edition(app_id, purpose, version)
        if edition.published_at is not None:
            raise Http404
        provides = declaration.purpose.provides
        if request.method == "POST":
            form = NoticeForm(request.POST, provides=provides)
            if request.POST.get("seen") != _digest(edition):
                messages.error(
                    request,
                    gettext("Somebody else has changed this draft. Saving now puts what you wrote in place of theirs."),
                )
            elif form.is_valid():
                try:
                    draft_notice(app_id=app_id, purpose=purpose, bodies=form.bodies(), actor=actor, now=timezone.now())
                except REFUSED as error:
                    self.say_no(request, error)
                else:
                    messages.success(request, gettext("The draft is saved. Nobody is shown it before it is published."))
                    return redirect("admin:consent_notice_version", app_id, purpose, version)
        else:
            form = NoticeForm(initial=NoticeForm.initial_of(edition.bodies), provides=provides)
        return self.page(
            request,
            "edit",
            title=gettext("Write version %(number)d") % {"number": version},
            heading=self._title(declaration),
            declaration=declaration,
            edition=edition,
            form=form,
            seen=_digest(edition),
        )

    def publish(self, request: HttpRequest, app_id: uuid.UUID, purpose: str, version: int) -> HttpResponse:
        """Publish a draft as it was shown."""
        actor = self.must_act(request, _CHANGE)
        self._declaration(app_id, purpose)
        edition, _before = self._edition(app_id, purpose, version)
        if request.POST.get("seen") != _digest(edition):
            messages.error(request, gettext("The draft has changed since you read it. Nothing was published."))
            return redirect("admin:consent_notice_version", app_id, purpose, version)
        try:
            published = publish_notice(
                app_id=app_id,
                purpose=purpose,
                version=version,
                material=request.POST.get("material") == "yes",
                actor=actor,
                now=timezone.now(),
            )
        except REFUSED as error:
            self.say_no(request, error)
        else:
            said = (
                gettext("Published. Whoever allowed something under an older version is asked to confirm.")
                if published.is_material
                else gettext("Published. Whoever allowed something under an older version is told.")
            )
            messages.success(request, said)
        return redirect("admin:consent_notice_version", app_id, purpose, version)

    def _declaration(self, app_id: uuid.UUID, purpose: str) -> Declaration:
        rows = Declaration.objects.select_related("app__tenant", "purpose")
        declaration = rows.filter(app=app_id, purpose=purpose).first()
        if declaration is None:
            raise Http404
        return declaration

    def _edition(self, app_id: uuid.UUID, purpose: str, version: int) -> tuple[Edition, Edition | None]:
        """Return a version, and the published one before it."""
        found = editions(app_id=app_id, purpose_id=purpose)
        edition = next((each for each in found if each.version == version), None)
        if edition is None:
            raise Http404
        return edition, next((each for each in found if each.version < version and each.published_at), None)

    def _title(self, declaration: Declaration) -> str:
        return f"{declaration.app.name} · {purpose_name(declaration.purpose)}"


def _gaps(declaration: Declaration, edition: Edition) -> dict[str, list[str]]:
    operations = declaration.operations if edition.published_at is None else edition.operations
    return gaps(edition.bodies, operations=operations, provides=declaration.purpose.provides)


def _beside(declaration: Declaration, edition: Edition, before: Edition | None) -> list[Shown]:
    shown = []
    for field in asked(provides=declaration.purpose.provides):
        languages = []
        for locale, language in LANGUAGES.items():
            old = before.bodies.get(locale, {}).get(field.name, "") if before else ""
            new = edition.bodies.get(locale, {}).get(field.name, "")
            was, now = compare(old, new) if before else ([], [Piece(new, is_changed=False)])
            languages.append((locale, language, was, now, before is not None and old != new))
        is_changed = before is None or any(differs for *_, differs in languages)
        shown.append(Shown(field, FIELDS[field.name][0], is_changed, languages))
    return shown


def _digest(edition: Edition) -> str:
    """Return what a page was about, so that nobody publishes what they have not seen."""
    return hashlib.sha256(json.dumps(edition.bodies, sort_keys=True).encode()).hexdigest()
