"""The field by which a call names a session: its id, or the token that came when it was opened."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consent.errors import TokenRefused
from consent.jose import MAX_TOKEN
from consent.session_token import verify
from consent.token_keys import key_of


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "format": "uuid"},
            {"type": "string", "pattern": r"^[\w-]+\.[\w-]+\.[\w-]+$", "maxLength": MAX_TOKEN},
        ],
        "description": "The session's `id`, or its `token`.",
    }
)
class SessionField(serializers.UUIDField):
    """Reads a session's id, or takes it from a token of the app in the serializer's context (`app`); an expired one names it too."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        """Parse; of a token, check that it was signed here, as a session token, for this app."""
        if not isinstance(data, str) or "." not in data:
            return super().to_internal_value(data)
        app = self.context["app"]
        key = key_of(app.tenant)
        try:
            return verify(data, keys={key.kid: key} if key else {}, client_id=app.client_id).session
        except TokenRefused as refused:
            raise serializers.ValidationError(f"This session token is refused: {refused.sentence}.") from None
