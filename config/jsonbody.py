"""JSON bodies, bounded before they are parsed.

The standard library's parser recurses in C, and a library that raises Python's recursion limit turns a deeply nested body from an error
into a crash of the process.
"""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MOST_CONTAINERS = 2_000
"""No body that means something here has more objects and arrays, so none is nested deeper; a view for more says `most_containers`."""


class BoundedJSON(JSONParser):
    """Reads a JSON body of at most 1 MiB."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Parse, unless there are too many containers."""
        data: bytes = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(data) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("the body is larger than JSON may be")
        most = getattr((parser_context or {}).get("view"), "most_containers", MOST_CONTAINERS)
        if data.count(b"[") + data.count(b"{") > most:
            raise ParseError
        try:
            return super().parse(io.BytesIO(data), media_type, parser_context)
        except RecursionError:
            raise ParseError from None
