"""The wallet without a network: its two pages, about nobody, and the script by which a browser keeps them (a service worker).

The pages are made for no request: no session, no token and no account stands in them, so what a browser keeps tells nothing of anybody.
"""

import hashlib
import json
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from consent.wallets import logs_of

_PAGES: Final = {"wallet": ("portal:wallet", "portal/wallet.html"), "prove": ("portal:prove", "portal/prove.html")}
_FILES: Final = (
    "consonant.css",
    "mark.svg",
    "wave.svg",
    "silence.svg",
    "local-time.js",
    "wallet/wallet.js",
    "wallet/prove.js",
    "wallet/worker.js",
)


@never_cache
@require_safe
def script(_request: HttpRequest, language: str) -> HttpResponse:
    """Serve the service worker: which pages and files it keeps, under a name that changes with any of them."""
    pages = {
        reverse(view): reverse("portal:wallet_offline_page", args=[_name(language), page])
        for page, (view, _template) in _PAGES.items()
    }
    kept = {"pages": pages, "files": [static(name) for name in _FILES]}
    version = hashlib.sha256(json.dumps([kept, *(_render(language, page) for page in _PAGES)]).encode()).hexdigest()[
        :32
    ]
    text = f"self.KEPT = {json.dumps(kept | {'version': version}, sort_keys=True)};\n"
    text += f"importScripts({json.dumps(static('wallet/offline.js'))});\n"
    return HttpResponse(
        text,
        content_type="text/javascript; charset=utf-8",
        headers={"Service-Worker-Allowed": reverse("portal:wallet")},
    )


@never_cache
@require_safe
def page(_request: HttpRequest, language: str, page: str) -> HttpResponse:
    """Serve a page as it is kept."""
    if page not in _PAGES:
        raise Http404
    return HttpResponse(_render(language, page), headers={"Content-Language": _name(language)})


def _name(language: str) -> str:
    if language not in dict(settings.LANGUAGES):
        raise Http404
    return language


def _render(language: str, page: str) -> str:
    given = {"account": None, "logs": logs_of(user=None, now=timezone.now())}
    with translation.override(_name(language)):
        return render_to_string(_PAGES[page][1], {"given": given, "offline": True})
