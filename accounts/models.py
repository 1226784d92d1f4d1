"""People who sign in, tenants, and the apps that call the API.

A person is an e-mail address and a password, nothing else. A tenant is an organisation with a log of its own. An app is an OAuth 2.0
client (client credentials, RFC 6749 section 4.4); its secret is stored hashed and its tokens as digests.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication
from uuid_utils.compat import uuid7


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a person who can sign in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a person who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by address, whatever its case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]  # of App, whose base has no types
    """A person who signs in: a speaker or an officer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True, null=True)  # noqa: DJ001 - unique where there is one
    """None for one who has no account of their own: somebody acts for them."""
    residence = models.CharField(_("lives in"), max_length=6, blank=True)
    """ISO 3166-1, or 3166-2 for the United States; empty: not said."""
    is_adult = models.BooleanField(_("has said to be an adult"), default=False)
    born_on = models.DateField(_("born on"), null=True, blank=True)
    """Of a minor alone."""
    relatives_may_act = models.BooleanField(_("relatives may act after my death"), default=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("officer"), default=False)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")


class Tenant(models.Model):  # type: ignore[django-manager-missing]  # of App, whose base has no types
    """An organisation whose apps share one log."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=40, unique=True, validators=[RegexValidator(r"\A[a-z0-9][a-z0-9-]*\Z")])
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now)
    address = models.CharField(_("postal address"), max_length=300, blank=True)
    contact = models.CharField(_("contact for privacy"), max_length=200, blank=True)
    """An e-mail address or a telephone number of the organisation's, as notices and receipts name it."""
    country = models.CharField(_("country"), max_length=2, blank=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")

    def __str__(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        """The origin of this tenant's log: a schema-less URL (C2SP tlog-checkpoint)."""
        return f"{settings.LOG_ORIGIN}/{self.slug}"

    @property
    def key_name(self) -> str:
        """The name of the key that seals openings of entries about no person."""
        return f"tenant:{self.id}"


class App(AbstractApplication):  # type: ignore[misc]
    """A registered voice app."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="apps")
    website = models.URLField(blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    suspended_at = models.DateTimeField(_("suspended"), null=True, blank=True)
    previous_secret = models.CharField(max_length=255, blank=True)
    """The hash of the secret that the present one replaced; good until `previous_secret_until`."""
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    interaction_notice = models.JSONField(default=dict, blank=True)
    """That one talks to a machine (EU 2024/1689 art. 50(1)), by language."""
    categorisation_notice = models.JSONField(default=dict, blank=True)
    """That people are sorted by their voice (art. 50(3)), by language; empty where they are not."""
    disclosure = models.JSONField(default=dict, blank=True)
    """That what one hears is made by a machine (art. 50(4)), by language."""

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")

    def __str__(self) -> str:
        return str(self.name)
