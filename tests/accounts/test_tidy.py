"""What is over is deleted: a sign-in's row says whose it was, and a token's of which app."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.tasks import tidy
from tests.conftest import Api
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_sign_ins_and_tokens_that_are_over_go_and_others_stay(app):
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.force_login(UserFactory())
    old, fresh = (browser.session.session_key for browser in browsers)
    first, second = Api(app), Api(app)
    past = timezone.now() - timedelta(minutes=1)
    Session.objects.filter(session_key=old).update(expire_date=past)
    AccessToken.objects.filter(id=AccessToken.objects.earliest("id").id).update(expires=past)
    tidy()
    assert list(Session.objects.values_list("session_key", flat=True)) == [fresh]
    assert AccessToken.objects.count() == 1
    assert [api.post("/api/v1/sessions", {}).status_code for api in (first, second)] == [401, 422]
