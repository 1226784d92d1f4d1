"""The sentence about uploads: on the screen, word for word, and in what is kept of the screen."""

import pytest

from consent.models import Grant
from consent.notice_fields import STATEMENT
from tests.portal.scene import EVERYTHING, question
from tests.portal.test_answers import answer, main, text_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("locale", ["en", "zh-hans"])
def test_s0_2_the_screen_says_the_sentence_and_keeps_it(client, user, app, now, locale):
    client.force_login(user)
    client.cookies["django_language"] = locale
    token = question(app, now=now, operations=EVERYTHING)
    page = client.get(f"/consent/{token}/")
    assert f'<p class="statement">{STATEMENT[locale]}' in main(page)
    assert STATEMENT[locale] in text_of(page)
    answer(client, token, "term")
    assert STATEMENT[locale] in Grant.objects.get().screen.html
