"""The separate-consent sheet and the written release: what the laws want is in them, and a PDF has no holes."""

import io
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unicodedata import normalize

import pytest
from django.utils import timezone
from django.utils.translation import override
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from consent.allow import allow
from consent.ask import ask
from consent.models import Grant
from consent.notice_texts import Operator, Recipient, texts
from consent.withdraw import withdraw
from portal import typeset
from portal.words.sheets import Row, Section, sheet
from tests.consent.test_receipt import FACTS, LATER
from tests.factories import UserFactory

FONTS = Path(typeset.__file__).parent / "fonts"
RECIPIENT = Recipient(
    "Vendor Audio",
    "vendor@vendor.example",
    ("to dub a film", "为影片配音"),
    ("encrypted", "加密"),
    ("recordings", "录音"),
)


def body_of(locale, purpose="voice-cloning", **more):
    operator = Operator("Acme Audio", "1 Example Street", "dpo@acme.example", "CN")
    made = texts(
        purpose=purpose, app="Audiobook", operator=operator, operations=["upload", "embed", "synthesize"], **more
    )
    return {each.locale: each.body for each in made}[locale]


def make(kind, locale="en", body=None, facts=FACTS):
    facts = replace(facts, notice=replace(facts.notice, locale=locale))
    with override(locale):
        return sheet(kind, facts, body or body_of(locale), log="consonant.local/acme", now=LATER)


def read(pdf):
    """What stands in a PDF, without spaces: a line may break anywhere."""
    return re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def squeezed(text):
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("locale", ["en", "zh-hans"])
def test_pipl_wants_these_words_of_the_notice(locale):
    """PIPL 17(1)(1) to (3), 30, 14 and 29, 15 and 16."""
    body = body_of(locale)
    text = make("pipl", locale).text()
    for name in (
        "controller",
        "why",
        "method",
        "what",
        "kept",
        "necessity",
        "impact",
        "rights",
        "withdraw",
        "fallback",
    ):
        assert body[name] in text, name
    assert FACTS.notice.sha256 in text
    assert "version 2" in text or "2" in text


def test_pipl_23_names_the_recipient():
    body = body_of("zh-hans", "voice-sharing", provides=True, recipient=RECIPIENT)
    text = make("pipl", "zh-hans", body).text()
    for word in ("Vendor Audio", "vendor@vendor.example", "为影片配音", "加密", "录音"):
        assert word in text


def test_bipa_wants_fact_purpose_term_and_a_release():
    """740 ILCS 14/15(b)(1) to (3), 14/10: an electronic signature is a process that the person attached with intent to sign."""
    body, made = body_of("en"), make("bipa")
    text = made.text()
    for name in ("controller", "what", "voiceprint", "why", "kept", "deleted"):
        assert body[name] in text, name
    assert "30 days: from 2026-03-01 12:00:00 UTC until 2026-03-31 12:00:00 UTC" in text
    assert "I release the private entity" in made.declaration
    assert "by pressing a button under the notice · by the guardian" in text
    assert "青山-纸船-七" in text
    assert str(FACTS.events[1].ref) in text


def test_who_was_not_asked_is_not_named_and_empty_fields_are_not_shown():
    made = make("pipl", body={**body_of("en"), "dpo": " ", "transfers": ""})
    labels = {row.label for section in made.sections for row in section.rows}
    assert "Person in charge of personal information protection" not in labels
    assert "Recipient" not in labels


@pytest.mark.parametrize("kind", ["pipl", "bipa"])
@pytest.mark.parametrize("locale", ["en", "zh-hans"])
def test_the_pdf_says_all_of_it_chinese_too(kind, locale):
    made = make(kind, locale)
    said = read(typeset.typeset(made, now=LATER))
    for line in made.text().splitlines():
        assert squeezed(line) in said, line
    reader = PdfReader(io.BytesIO(typeset.typeset(made, now=LATER)))
    assert reader.metadata.title == made.title
    assert reader.trailer["/Root"]["/Lang"] == ("zh-CN" if locale == "zh-hans" else "en")
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]


HOSTILE = '#panic("x") $1$ *b* _i_ `r` = h\n+ l @ref <label> \\ #read("/etc/passwd") // c /* d */ [ ] { } "q" \\u{41}'


def with_row(text, **more):
    return replace(make("bipa"), sections=(Section("Text", (Row(text, text, **more),), text),), title="Title")


def test_text_is_never_a_program():
    said = read(typeset.typeset(with_row(HOSTILE), now=LATER))
    assert said.count(squeezed(HOSTILE)) == 3


@settings(max_examples=30)
@given(st.text(st.sampled_from(sorted(typeset._has() - {"\xad"})), min_size=1, max_size=60))
def test_whatever_the_font_has_can_be_set(text):
    assert typeset.typeset(with_row(text), now=LATER).startswith(b"%PDF")
    assert typeset.typeset(with_row(text, is_code=True), now=LATER).startswith(b"%PDF")


@pytest.mark.parametrize("character", ["𠮷", "한", "😀", "ก", "\u200b", "\x00", "\t", "\ufffd", "\u0301"])
def test_what_the_font_lacks_is_refused(character):
    with pytest.raises(typeset.FontLacks) as lacks:
        typeset.typeset(with_row(f"voice {character}"), now=LATER)
    assert lacks.value.characters == character


FILES = {
    "NotoSansCJKsc-Regular-Hanzi.otf": "coverage-hanzi.txt",
    "NotoSans-Regular-Letters.ttf": "coverage-letters.txt",
}


def characters(listed):
    ranges = [line.partition("-") for line in (FONTS / listed).read_text().split()]
    return {chr(code) for first, _, last in ranges for code in range(int(first, 16), int(last or first, 16) + 1)}


def test_the_fonts_have_what_is_said_of_them():
    has = {name: {chr(code) for code in TTFont(FONTS / name).getBestCmap()} for name in FILES}
    assert has == {name: characters(listed) for name, listed in FILES.items()}
    assert frozenset().union(*has.values()) == typeset._has()
    assert sum((FONTS / name).stat().st_size for name in FILES) < 4_000_000
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text()
    assert {path.name for path in FONTS.iterdir()} == {*FILES, *FILES.values(), "OFL.txt", "README.md"}


def test_they_have_the_letters_of_names():
    pairs = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    hanzi = {each for pair in pairs for each in pair.decode("gb2312", "ignore")}
    assert len(hanzi) == 6763
    assert hanzi | set("，。、；：？！“”‘’（）《》—…·①éüß") <= typeset._has()
    # Names have others: Polish, Turkish, Vietnamese, Greek, Ukrainian ones, and those of the table of 2013.
    assert set("ŁłŞşİığőŐŽđĐướệẠΆώҐїЄ™№₺₫喆堃翀玥珺赟𬭎𫟹") <= typeset._has()


@pytest.mark.parametrize("name", ["Łukasz Żółć", "Şükrü İğdır", "Nguyễn Hữu Phước", "Ολυμπία", "Їжак", "陈喆 翀", "𬭎"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_set_whole(name, form):
    """Also where its accents come apart, as some keyboards write them. PDF/UA lets no letter be a box: typst refuses one."""
    said = read(typeset.typeset(with_row(normalize(form, name)), now=LATER))
    assert said.count(squeezed(name)) == 3


# In the portal.


@pytest.fixture
def grant(app, user, now):
    asked = ask(
        app=app, subject_ref="u", purpose="voice-cloning", operations=["upload"], term=timedelta(days=30), now=now
    )
    return allow(token=asked.token, user=user, choice="term", locale="zh-hans", now=now)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["pipl", "bipa"])
def test_the_pages_and_their_pdf(client, user, grant, kind):
    client.force_login(user)
    page = client.get(f"/apps/papers/{grant.id}/{kind}")
    assert page.status_code == 200
    assert '<article class="card stack paper" lang="zh-hans">' in page.content.decode()
    assert grant.notice.body["why"] in page.content.decode()
    pdf = client.get(f"/apps/papers/{grant.id}/{kind}.pdf")
    assert (pdf.status_code, pdf.headers["Content-Type"]) == (200, "application/pdf")
    assert "no-store" in pdf.headers["Cache-Control"]
    assert squeezed(grant.notice.body["why"]) in read(pdf.content)
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    with override("zh-hans"):
        assert squeezed(page.context["sheet"].title) in read(client.get(f"/apps/papers/{grant.id}/{kind}.pdf").content)


@pytest.mark.django_db
def test_papers_are_the_persons_own(client, user, grant):
    for path in ("pipl", "bipa", "pipl.pdf", "receipt"):
        address = f"/apps/papers/{grant.id}/{path}"
        client.logout()
        assert client.get(address).status_code == 302
        client.force_login(UserFactory())
        assert client.get(address).status_code == 404
    client.force_login(user)
    for path in ("other", "other.pdf", "pipl.exe"):
        assert client.get(f"/apps/papers/{grant.id}/{path}").status_code == 404
    assert client.post(f"/apps/papers/{grant.id}/pipl").status_code == 405


@pytest.mark.django_db
def test_where_the_font_lacks_something_the_page_says_so(client, user, grant, app):
    app.name = "𠮷 Voice"
    app.save()
    client.force_login(user)
    answer = client.get(f"/apps/papers/{grant.id}/pipl.pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.context["lacking"] == "𠮷"
    assert "𠮷 Voice" in answer.content.decode()
    assert f'href="/apps/papers/{grant.id}/pipl.pdf"' not in answer.content.decode()


@pytest.mark.django_db
def test_what_a_name_holds_is_text_on_the_page(client, user, grant, app):
    app.name = "<script>alert(1)</script>"
    app.save()
    client.force_login(user)
    assert "<script>alert" not in client.get(f"/apps/papers/{grant.id}/bipa").content.decode()
    assert squeezed(Grant.objects.get().app.name) in read(client.get(f"/apps/papers/{grant.id}/bipa.pdf").content)
