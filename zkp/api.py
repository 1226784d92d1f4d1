"""Challenges and verifications, for anyone: nothing about a person is asked, and nothing is told that the proof does not show.

An app that brings its token is named to the person as who asks; everybody else is shown as unverified. The address of who calls is counted
for the limits, and kept nowhere.
"""

import uuid
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from oauth2_provider.models import AccessToken
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import BearerToken
from accounts.models import App
from accounts.strict import IdField, StrictSerializer, Text
from ledger.models import Log
from zkp import document
from zkp.ask_proof import Wanted, ask_proof, link_to
from zkp.core import active, own, receipt
from zkp.core.context import MAX_TEXT
from zkp.core.errors import InvalidContext
from zkp.errors import ChallengeUnknown, DocumentBroken
from zkp.issuer import issuer_of
from zkp.judge import judge
from zkp.models import Challenge, Verdict
from zkp.tidy import VERDICTS_LIVE

STATEMENTS: Final = (own.STATEMENT, receipt.STATEMENT, active.STATEMENT)
OPERATIONS: Final = ("upload", "embed", "synthesize", "combine")
_NO_STORE: Final = {"Cache-Control": "no-store"}


def _asking(request: Request) -> App | None:
    """Return the app whose token was brought; None where there is none.

    Raises:
        rest_framework.exceptions.NotAuthenticated: It is not good: who means to be known does not ask as somebody unknown.
    """
    if isinstance(request.auth, AccessToken):
        app: App = request.auth.application
        return app
    if "Authorization" in request.headers:
        raise NotAuthenticated
    return None


def origin_of_service() -> str:
    """Return the origin of the service itself, as a verifier that is nobody else."""
    parts = urlsplit(settings.PUBLIC_URL)
    return f"{parts.scheme}://{parts.netloc}"


class QuestionSerializer(StrictSerializer):
    """What a verifier wants to know."""

    statement = serializers.ChoiceField(STATEMENTS, help_text="`own`, `receipt` or `active`.")
    purpose = Text(max_length=300, help_text="Why, in words for the person.")
    log = Text(max_length=200, required=False, help_text="The log's origin; left out: the only one.")
    verifier = serializers.RegexField(
        r"^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$",
        required=False,
        max_length=300,
        help_text="Who asks, as an origin. Shown as unverified. An app that brings its token is named by that.",
    )
    attributes = serializers.ListField(
        child=serializers.ChoiceField(receipt.SCHEMA),
        required=False,
        max_length=len(receipt.SCHEMA),
        help_text="Of `receipt`: what must be shown.",
    )
    app = IdField(required=False, help_text="Of `active`: the app's id.")
    operation = serializers.ChoiceField(OPERATIONS, required=False, help_text="Of `active`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """See that what is asked belongs to the statement."""
        wanted = {"receipt": {"attributes"}, "active": {"app", "operation"}}.get(attrs["statement"], set())
        for name in ("attributes", "app", "operation"):
            if name in attrs and name not in wanted:
                raise serializers.ValidationError({name: ["This statement has none."]})
        if attrs["statement"] == active.STATEMENT and not wanted <= attrs.keys():
            raise serializers.ValidationError({"app": ["Say which app, and which operation."]})
        return attrs


class WantsSerializer(serializers.Serializer[Any]):
    """What a proof has to show."""

    attributes = serializers.ListField(child=serializers.CharField())
    app = serializers.CharField(allow_null=True)
    app_name = serializers.CharField(allow_null=True, help_text="Its name, where it is known here.")
    operation = serializers.CharField(allow_null=True)


class ChallengeSerializer(serializers.Serializer[Any]):
    """A challenge, as a wallet reads it."""

    id = serializers.UUIDField()
    context = serializers.CharField(  # type: ignore[assignment]  # of the same name as an attribute of fields
        help_text="The text that is hashed into the proof: canonical JSON."
    )
    log = serializers.CharField()
    issuer = serializers.CharField(help_text="The log's key for receipts and credentials, hex.")
    epoch = serializers.IntegerField(help_text="The UTC day, counted from 1970, in which a pseudonym counts once.")
    verifier = serializers.CharField()
    verifier_name = serializers.CharField(allow_null=True)
    verifier_known = serializers.BooleanField(help_text="Who asks has shown the credentials of an app.")
    wants = WantsSerializer()
    expires_at = serializers.DateTimeField()
    url = serializers.URLField(help_text="Where the person's wallet answers: a link, or the content of a QR code.")


class OpenedSerializer(StrictSerializer):
    """An entry whose subject commitment is opened."""

    index = serializers.IntegerField(min_value=0, max_value=document.MAX_INDEX)
    ref = Text(max_length=36)
    tag = Text(max_length=192, help_text="R || T, hex.")
    salt = Text(max_length=64, help_text="Hex.")


class ProofSerializer(StrictSerializer):
    """A proof, and the challenge that it answers."""

    challenge = IdField()
    v = serializers.IntegerField(min_value=document.VERSION, max_value=document.VERSION)
    statement = serializers.ChoiceField(STATEMENTS)
    context = Text(max_length=8 * MAX_TEXT, trim_whitespace=False)  # type: ignore[assignment]  # as above
    entries = OpenedSerializer(many=True, required=False, help_text="Of `own`; at most 500.")
    disclosed = serializers.DictField(
        child=Text(max_length=MAX_TEXT, allow_blank=True, trim_whitespace=False), required=False
    )
    epoch = serializers.IntegerField(required=False, min_value=0, max_value=document.MAX_INDEX)
    pseudonym = Text(max_length=96, required=False, help_text="Of `active`, hex.")
    proof = Text(max_length=2048, help_text="Hex.")


class JudgedSerializer(serializers.Serializer[Any]):
    """What came of it."""

    id = serializers.UUIDField(help_text="The challenge's.")
    verdict = serializers.ChoiceField(["holds", "refused"])
    reason = serializers.CharField(allow_null=True, help_text="Of a refused one.")
    says = serializers.DictField(help_text="What was shown: `entries` and `key`, or `shown`.")
    entry = serializers.UUIDField(allow_null=True, help_text="The entry `proof.verified`, which names nobody.")
    checked_at = serializers.DateTimeField()


class _Anyone(APIView):
    """For everybody."""

    authentication_classes = (BearerToken,)
    """An app that brings its token is counted by itself, and not by its address."""
    permission_classes = (AllowAny,)
    required_scopes = ()
    throttle_anyone = "proofs"


class Challenges(_Anyone):
    """Challenges."""

    @extend_schema(
        operation_id="ask_proof", request=QuestionSerializer, responses={201: ChallengeSerializer, 401: None, 404: None}
    )
    def post(self, request: Request) -> Response:
        """Make a challenge: answered once, within ten minutes. A token is not needed, but one that is not good is refused."""
        app = _asking(request)
        said = QuestionSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        words = said.validated_data
        if words["statement"] == active.STATEMENT and app is None and "verifier" not in words:
            # All who leave it out would share pseudonyms: one would spend what another asks for, and together they could link people.
            raise serializers.ValidationError({"verifier": ["Say who asks, or bring your app's token."]})
        wanted = Wanted(
            words["statement"], words.get("attributes", ()), str(words.get("app", "")), words.get("operation", "")
        )
        try:
            challenge = self._ask(wanted, words, app)
        except InvalidContext as error:
            raise serializers.ValidationError({"purpose": ["One line of text."]}) from error
        return Response(shown(challenge), status=201, headers=_NO_STORE)

    def _ask(self, wanted: Wanted, words: dict[str, Any], app: App | None) -> Challenge:
        return ask_proof(
            origin=words.get("log"),
            wanted=wanted,
            purpose=words["purpose"],
            verifier=f"app:{app.id}" if app else words.get("verifier", origin_of_service()),
            app=app,
            now=timezone.now(),
        )


class ChallengeDetail(_Anyone):
    """One challenge."""

    @extend_schema(operation_id="get_challenge", responses=ChallengeSerializer)
    def get(self, _request: Request, challenge_id: uuid.UUID) -> Response:
        """Return a challenge that was not answered yet. To read it does not spend it."""
        found = Challenge.objects.select_related("app").filter(id=challenge_id, expires_at__gt=timezone.now()).first()
        if found is None:
            raise ChallengeUnknown
        return Response(shown(found), headers=_NO_STORE)


class Verifications(_Anyone):
    """Answers to challenges."""

    @extend_schema(operation_id="verify_proof", request=ProofSerializer, responses={200: JudgedSerializer, 404: None})
    def post(self, request: Request) -> Response:
        """Judge a proof. The challenge is spent, whatever the verdict; a body that is no proof spends nothing."""
        asked = ProofSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        words = asked.validated_data
        said = {name: value for name, value in words.items() if name != "challenge"}
        try:
            proof = document.parse(said)
        except DocumentBroken as error:
            raise serializers.ValidationError({"proof": [str(DocumentBroken.__doc__)]}) from error
        verdict = judge(challenge_id=words["challenge"], proof=proof, now=timezone.now())
        return Response(_told(verdict), headers=_NO_STORE)


class VerificationDetail(_Anyone):
    """One verdict."""

    @extend_schema(operation_id="get_verdict", responses=JudgedSerializer)
    def get(self, _request: Request, challenge_id: uuid.UUID) -> Response:
        """Return the verdict on an answered challenge, for an hour."""
        verdict = verdict_on(challenge_id)
        if verdict is None:
            raise ChallengeUnknown
        return Response(_told(verdict), headers=_NO_STORE)


def verdict_on(challenge_id: uuid.UUID) -> Verdict | None:
    """Return what came of a challenge, while it can be read."""
    since: timedelta = VERDICTS_LIVE
    return Verdict.objects.filter(id=challenge_id, checked_at__gt=timezone.now() - since).first()


@require_safe
def keys(_request: HttpRequest) -> JsonResponse:
    """Serve the logs' keys for receipts and credentials."""
    logs = Log.objects.exclude(origin=settings.PLATFORM_ORIGIN).order_by("origin").values_list("origin", flat=True)
    now = timezone.now()
    found = [{"origin": origin, "issuer": issuer_of(origin, now=now).pk.hex()} for origin in logs]
    return JsonResponse({"logs": found}, headers={"Cache-Control": "public, max-age=300"})


def shown(challenge: Challenge) -> dict[str, Any]:
    """Return a challenge as everybody may read it."""
    return {
        "id": str(challenge.id),
        "context": challenge.context().octets().decode(),
        "log": challenge.origin,
        "issuer": issuer_of(challenge.origin, now=timezone.now()).pk.hex(),
        "epoch": challenge.epoch,
        "verifier": challenge.verifier,
        "verifier_name": str(challenge.app.name) if challenge.app else None,
        "verifier_known": challenge.app is not None,
        "wants": {
            "attributes": challenge.attributes,
            "app": challenge.wanted_app or None,
            "app_name": _name_of(challenge.wanted_app),
            "operation": challenge.wanted_operation or None,
        },
        "expires_at": challenge.expires_at,
        "url": link_to(challenge.id),
    }


def _name_of(app: str) -> str | None:
    return App.objects.filter(id=app).values_list("name", flat=True).first() if app else None


def _told(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": str(verdict.id),
        "verdict": "holds" if verdict.holds else "refused",
        "reason": verdict.reason or None,
        "says": verdict.says,
        "entry": str(verdict.entry) if verdict.entry else None,
        "checked_at": verdict.checked_at,
    }
