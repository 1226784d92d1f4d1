"""What is said of a proof without identity, to whoever asked for it and to whoever gets it later: every verdict, every statement, in both
languages, without a code of the domain and without more than it shows."""

import re
import uuid
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone, translation

from consent.receipt import KINDS as CONSENTS
from ledger.models import Log
from portal.words import proofs
from portal.words.entries import _TELLERS
from tests.factories import AppFactory, TenantFactory
from tests.portal.test_pages import text_of
from zkp.api import OPERATIONS
from zkp.core import active, receipt
from zkp.models import Challenge, Verdict

DAY = "2026-05-03"
ENTRY = {"index": 7, "ref": str(uuid.uuid4()), "kind": "artifact.recorded", "day": DAY}
OWN = {"entries": [ENTRY], "key": "wallet"}
SHOWN = {
    "kind": "artifact.recorded",
    "app": "0190",
    "purpose": "text-to-speech",
    "operation": "synthesize",
    "day": DAY,
    "status": "permitted",
    "within_ttl": "",
}
STANDS = {"app": "0190", "operation": "synthesize", "valid_until": "2026-05-03T14:05:00Z"}
SAYS = {"own": OWN, "receipt": {"shown": SHOWN}, "active": {"shown": STANDS}}
LANGUAGES = ("en", "zh-hans")


def test_there_are_words_for_everything_that_can_be_shown():
    assert proofs.KINDS.keys() == _TELLERS.keys() | {"consent.request_expired"}
    assert proofs.NAMES.keys() == {*receipt.SCHEMA, *active.SCHEMA}
    assert set(OPERATIONS) <= proofs.OPERATIONS.keys()
    assert {kind.partition(".")[2] for kind in proofs.KINDS if kind.startswith("consent.")} <= proofs._STATUS.keys()
    assert CONSENTS.keys() <= proofs.KINDS.keys()


def test_own_says_when_what_and_to_whom():
    now = timezone.now()
    said = proofs.sentence("own", OWN, at=now)
    assert said == (
        "Somebody who holds the key to an entry of 3 May 2026 (something was made of their voice) proved it to you today."
    )
    old = proofs.sentence("own", OWN, at=datetime.fromisoformat("2026-05-04T23:59:59+00:00"))
    assert old.endswith("proved it to you on 4 May 2026.")
    same = OWN | {"entries": [ENTRY, ENTRY | {"index": 9}]}
    assert "the one key to 2 entries of 3 May 2026" in proofs.sentence("own", same, at=now)
    more = OWN | {"entries": [ENTRY, ENTRY | {"day": "2026-05-09"}]}
    assert "2 entries, from 3 May 2026 to 9 May 2026" in proofs.sentence("own", more, at=now)


def test_a_receipt_says_its_details_as_of_somebody_else():
    said = proofs.sentence("receipt", {"shown": SHOWN}, at=timezone.now(), app="Anna reads")
    assert said == (
        "Somebody about whom there is an entry in the log (something was made of their voice, Anna reads, reading texts in their"
        " voice, speaking in their voice, 3 May 2026, with their permission) proved it to you today, by a receipt."
    )
    assert "your voice" not in said


def test_active_says_until_when_in_plain_text():
    said = proofs.sentence("active", {"shown": STANDS}, at=timezone.now(), app="Anna reads")
    assert said == (
        "Somebody who consents to Anna reads (speaking in their voice) proved it to you today. Their consent stood when the service"
        " looked, at most five minutes before 3 May 2026, 14:05 UTC."
    )


@pytest.mark.parametrize("statement", SAYS)
def test_a_proof_that_was_kept_says_neither_to_you_nor_when_nor_that_it_is_the_only_one(statement):
    said = proofs.sentence(statement, SAYS[statement], to="https://v.example")
    assert "for https://v.example" in said
    assert not re.search(r"to you|today", said)
    fresh, kept = (proofs.proves(statement, fresh=fresh) for fresh in (True, False))
    assert len(fresh) - len(kept) == (statement == "active"), "whether a pseudonym was spent only the verdict knows"


def test_what_is_not_proven_is_said_of_each():
    own, unsure = (proofs.proves_not("own", {"key": key}) for key in ("wallet", "unknown"))
    held = "that nobody else had the key: the service may once have held it;"
    assert held not in own
    assert held in unsure
    assert held in proofs.proves_not("receipt", {})
    for statement, says in SAYS.items():
        assert "who it was;" in proofs.proves_not(statement, says)
    assert "that the consent stands now: it may have been taken back since;" in proofs.proves_not("active", {})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("holds", [True, False], ids=["holds", "refused"])
@pytest.mark.parametrize("statement", SAYS)
def test_the_page_of_whoever_asked(db, statement, holds, language):
    app = AppFactory(tenant=TenantFactory())
    says = SAYS[statement]
    if "shown" in says:
        says = {"shown": says["shown"] | {"app": str(app.id)}}
    for reason in [""] if holds else sorted(proofs.REASONS):
        verdict = Verdict.objects.create(
            id=uuid.uuid4(), holds=holds, reason=reason, says=says if holds else {}, checked_at=timezone.now()
        )
        page = Client(headers={"Accept-Language": language}).get(f"/verify/asked/{verdict.id}")
        text = text_of(page)
        assert page.status_code == 200
        with translation.override(language):
            wanted = (
                proofs.sentence(statement, says, at=verdict.checked_at, app=app.name)
                if holds
                else proofs.REASONS[reason]
            )
        assert str(wanted) in text
        assert "&lt;" not in page.content.decode()
        assert not re.search(r"artifact\.recorded|synthesize|permitted|text-to-speech", text)
        if language != "en":
            left = re.sub(re.escape(app.name), "", str(wanted))
            assert not re.search(r"[A-Za-z]{4,}", left), "not translated"


def test_whoever_asks_about_a_consent_says_which_and_who_they_are(db):
    first, other = AppFactory(tenant=TenantFactory()), AppFactory(tenant=TenantFactory())
    assert Log.objects.filter(origin=other.tenant.origin).exists()
    client, words = Client(), {"statement": "active", "purpose": "to let you in"}
    page = client.get("/verify/ask").content.decode()
    assert f'value="{first.id}"' in page
    missing = client.post("/verify/ask", words)
    assert (missing.status_code, missing.content.decode().count("For this question it is needed.")) == (422, 3)
    assert not Challenge.objects.exists()
    from tests.portal.scene import seal

    seal()
    whole = words | {"app": str(other.id), "operation": "synthesize", "verifier": "https://v.example"}
    assert client.post("/verify/ask", whole | {"app": str(uuid.uuid4())}).status_code == 422
    went = client.post("/verify/ask", whole)
    assert went.status_code == 302, text_of(went)
    asked = Challenge.objects.get()
    assert (asked.wanted_app, asked.wanted_operation, asked.origin) == (
        str(other.id),
        "synthesize",
        other.tenant.origin,
    )
    assert asked.verifier == "https://v.example"
    other.suspended_at = timezone.now() - timedelta(days=1)
    other.save()
    assert client.post("/verify/ask", whole).status_code == 422


def test_many_entries_are_cut_off_with_their_number():
    says = {"entries": [ENTRY | {"index": at} for at in range(proofs.MOST_ENTRIES + 3)]}
    lines = proofs.entries(says)
    assert len(lines) == proofs.MOST_ENTRIES + 1
    assert lines[-1] == ("And more", "3")
