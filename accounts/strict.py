"""Bodies of the API, read strictly: unknown fields are refused, and a number is no text."""

import re
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_duration
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import SkipField

_NO_FIELD = "There is no such field."
_DIGEST = "A digest of a voice or of what was made of it survives erasure and can be guessed: none is taken."
_own = threading.local()


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: what is offered for keeping and dropped without a word would be taken for kept."""

    @classmethod
    def words_of(cls, data: Any, **context: Any) -> dict[str, Any]:
        """Return what a body says. To make a serializer takes far longer than to use it, so each thread keeps its own.

        Raises:
            rest_framework.exceptions.ValidationError: It is not valid.
        """
        known: dict[Any, tuple[StrictSerializer, dict[str, Any]]] = _own.__dict__.setdefault("known", {})
        named = cls, get_language()  # its messages are written once
        if named not in known:
            own: dict[str, Any] = {}
            known[named] = cls(context=own), own
        reader, own = known[named]
        own.clear()
        own.update(context)
        words: dict[str, Any] = reader.run_validation({} if data is None else data)
        return words

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
        if type(data) is dict:  # JSON; a form has rules of its own
            try:
                return self._quickly(data)
            except (serializers.ValidationError, ValidationError, SkipField):
                pass  # below, all that is wrong is found
        return super().to_internal_value(data)

    def _quickly(self, data: dict[str, Any]) -> dict[str, Any]:
        """Read what is there, and what would be missed; of the rest nothing is asked, as it would be otherwise field by field."""
        absent = [name for name in self._missed if name not in data]
        return {name: self._checks[name](data.get(name, serializers.empty)) for name in (*data, *absent)}

    @cached_property
    def _missed(self) -> list[str]:
        named = self.fields.items()
        return [name for name, field in named if field.required or field.default is not serializers.empty]

    @cached_property
    def _checks(self) -> dict[str, Callable[[Any], Any]]:
        return {name: self._check_of(name, field) for name, field in self.fields.items()}

    def _check_of(self, name: str, field: serializers.Field[Any, Any, Any, Any]) -> Callable[[Any], Any]:
        also = getattr(self, f"validate_{name}", None)
        return field.run_validation if also is None else lambda value: also(field.run_validation(value))


class Text(serializers.CharField):
    """A text. A number is not taken for one: a long one loses digits on its way, and would name somebody else."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no text."""
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class IdField(serializers.UUIDField):
    """A UUID as RFC 9562, section 4, writes it; a number is not taken for one."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        """Refuse other spellings."""
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        value: uuid.UUID = super().to_internal_value(data)
        if str(value) != data.lower():
            self.fail("invalid", value=data)
        return value


@extend_schema_field(
    {
        "type": "string",
        "pattern": r"^P(?=[0-9T])([0-9]{1,6}D)?(T(?=[0-9])([0-9]{1,6}H)?([0-9]{1,6}M)?([0-9]{1,9}(\.[0-9]{1,6})?S)?)?$",
        "description": "An ISO 8601 duration without years and months.",
        "examples": ["P30D", "PT8S"],
    }
)
class DurationField(serializers.Field[timedelta, str, str, Any]):
    """An ISO 8601 duration such as P30D or PT8S; years and months, which have no fixed length, are refused."""

    def __init__(self, *, allow_zero: bool = False, **options: Any) -> None:
        self._allow_zero = allow_zero
        super().__init__(**options)

    def to_internal_value(self, data: str) -> timedelta:
        """Parse."""
        try:
            value = parse_duration(data) if isinstance(data, str) and data.startswith("P") else None
        except OverflowError:
            value = None
        if value is None or value < timedelta(0) or (not value and not self._allow_zero):
            longer = "" if self._allow_zero else " longer than zero"
            raise serializers.ValidationError(f"An ISO 8601 duration{longer} is needed, such as P30D or PT8S.")
        return value
