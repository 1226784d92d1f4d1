"""What a screen shows when a person answers, to the byte: what is kept as shown is what was on the screen, and an answer to another is none.

A screen is the notice with the app, what is asked, the term as a length of time, and the words on the buttons. Nobody's name, no token and
no time of day is in it: it is the same for everybody, so it says nothing of anybody. It is written in the notice's own language.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import override

from consent.models import ConsentRequest, Grant, Notice
from consent.terms import Operation
from portal.words import notices


@dataclass(frozen=True)
class Screen:
    """A screen in its two parts, between which a page may put what is not kept: who answers, and what the service asks back."""

    notice: SafeString
    answers: SafeString

    @property
    def html(self) -> SafeString:
        """All of it, as it is kept."""
        return mark_safe(self.notice + self.answers)  # noqa: S308 - both were rendered by templates

    @property
    def sha256(self) -> str:
        """The SHA-256 of it in UTF-8, hex: which screen it is."""
        return hashlib.sha256(self.html.encode()).hexdigest()


def of_request(asked: ConsentRequest, notice: Notice) -> Screen:
    """Return the screen on which a request is answered."""
    with override(notice.locale):
        return _screen(
            {
                "app": asked.app,
                "notice": notice,
                "first": notices.first(
                    notice, codes=asked.operations, scope=asked.scope, lasts=notices.lasting(asked.term)
                ),
                "more": notices.more(notice, app=asked.app, scope=asked.scope),
            },
            answers=notices.answers(asked.term, scope=asked.scope),
        )


def of_grant(grant: Grant, notice: Notice, *, before: Notice) -> Screen:
    """Return the screen on which a consent is confirmed again, with what has changed since the notice `before`."""
    with override(notice.locale):
        return _screen(
            {
                "app": grant.app,
                "notice": notice,
                "again": True,
                "changes": notices.changes(before, notice),
                "first": notices.first(
                    notice, codes=grant.operations, scope=grant.scope, lasts=_("As long as you allowed before.")
                ),
                "more": notices.more(notice, app=grant.app, scope=grant.scope),
            },
            answers=notices.answers_again(),
        )


def of_notice(notice: Notice) -> SafeString:
    """Return a published notice for anyone to read, without a question."""
    about = ("portrait", "voice") if Operation.COMBINE in notice.operations else ("voice",)
    with override(notice.locale):
        return render_to_string(
            "consent/notice.html",
            {
                "app": notice.app,
                "notice": notice,
                "public": True,
                "first": notices.first(notice, codes=notice.operations, scope=about),
                "more": notices.more(notice, app=notice.app, scope=[]),
            },
        )


def _screen(context: dict[str, Any], *, answers: list[notices.Answer]) -> Screen:
    return Screen(
        render_to_string("consent/notice.html", context),
        render_to_string("consent/answers.html", {"answers": answers, "locale": context["notice"].locale}),
    )
