"""Factories: what the verbs of registration make, quickly. Names say what a row is, and are nobody's."""

from types import SimpleNamespace

import factory
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.utils import timezone

from accounts.models import App, Tenant, User
from consent.register import register_app, register_tenant

PASSWORD = "correct horse battery staple"
SECRET = "the-secret-of-a-test-app"


class UserFactory(factory.django.DjangoModelFactory):
    """A person with a verified address."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"speaker-{n}@test.localhost")
    password = factory.django.Password(PASSWORD)
    is_adult = True

    @factory.post_generation
    def address(self, create, _extracted, **_kwargs):
        if create:
            EmailAddress.objects.create(user=self, email=self.email, verified=True, primary=True)


class OfficerFactory(UserFactory):
    """A compliance officer."""

    email = factory.Sequence(lambda n: f"officer-{n}@test.localhost")
    is_staff = True
    is_superuser = True


def sign_in(client, person):
    """Sign somebody in with a second factor, which they have enrolled then."""
    client.force_login(person)
    authenticator = person.authenticator_set.first() or TOTP.activate(person, generate_totp_secret()).instance
    browser = SimpleNamespace(session=client.session)
    record_authentication(browser, person, "mfa", id=authenticator.pk, type=authenticator.type)
    browser.session.save()


def sign_in_just_now(client, person, **said):
    """Sign somebody in by their password, as a moment ago; once more, if it is `reauthenticated`."""
    client.force_login(person)
    browser = SimpleNamespace(session=client.session)
    record_authentication(browser, person, "password", **said)
    browser.session.save()


class TenantFactory(factory.Factory):
    """A tenant with its log and keys."""

    class Meta:
        model = Tenant

    slug = factory.Sequence(lambda n: f"tenant-{n}")
    name = factory.Sequence(lambda n: f"Tenant {n}")
    address = "1 Test Street, Testing"
    contact = factory.LazyAttribute(lambda tenant: f"privacy@{tenant.slug}.test.localhost")
    country = "DE"

    @classmethod
    def _create(cls, _model, *_args, **fields):
        return register_tenant(now=timezone.now(), **fields)


class AppFactory(factory.Factory):
    """An app whose secret the tests know."""

    class Meta:
        model = App

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda n: f"Voice app {n}")

    @classmethod
    def _create(cls, _model, *_args, **fields):
        purposes = fields.pop("purposes", ["voice-cloning"])
        app = register_app(website="", purposes=purposes, now=timezone.now(), **fields).app
        app.client_secret = SECRET
        app.save()
        return app
