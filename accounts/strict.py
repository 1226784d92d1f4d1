"""Bodies of the API, read strictly: unknown fields are refused, and a number is no text."""

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

_NO_FIELD = "There is no such field."
_DIGEST = "A digest of a voice or of what was made of it survives erasure and can be guessed: none is taken."


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: what is offered for keeping and dropped without a word would be taken for kept."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what has no field; of a digest say why there is none."""
        unknown = (
            {}
            if not isinstance(data, Mapping)
            else {
                str(name): [_DIGEST if re.search(r"digest|hash|sha\d|md5", str(name), re.IGNORECASE) else _NO_FIELD]
                for name in data
                if name not in self.fields
            }
        )
        if unknown:
            raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A text. A number is not taken for one: a long one loses digits on its way, and would name somebody else."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no text."""
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text
