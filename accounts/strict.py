"""Bodies of the API, read strictly: unknown fields are refused, and a number is no text."""

import re
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import get_language
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
