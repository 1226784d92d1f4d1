"""`@once`: with an `Idempotency-Key`, a POST happens at most once and is answered the same each time.

The handler runs inside the transaction that reserves the key; its verbs' own transactions become savepoints of it. Kept, with the
effect: answers 2xx, and refusals that were entered. Any other answer leaves nothing, not even the reservation: the client may mend the
request and send it under the same key.
"""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import QueryDict
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import app_of
from keyring.errors import KeyGone
from ledger.errors import IdempotencyKeyInvalid
from ledger.reserve import keep, take

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST_KEY = 255
_BARE = re.compile(r"[!#-+\--\[\]-~]+")
"""Visible ASCII; a comma would be two headers in one."""
_QUOTED = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])+)"')
"""A string of RFC 8941 of visible ASCII."""


def once(post: Callable[..., Response]) -> Callable[..., Response]:
    """Decorate the `post` of an `APIView` whose caller is an app.

    The kept answer is sealed under the key that the view names in `request.holder`, else under the tenant's. An error that has been
    entered in the ledger says so by a true attribute `entered`.

    Raises:
        IdempotencyKeyInvalid, IdempotencyKeyInUse, IdempotencyKeyReused: The request is not carried out.
        keyring.errors.KeyGone: The first answer cannot be opened any more.
    """

    @wraps(post)
    def run(self: Any, request: Request, **kwargs: Any) -> Response:
        said = request.headers.get(HEADER)
        if said is None:
            return post(self, request, **kwargs)
        key, body = _parse(said), _canonical(request)
        app = app_of(request)
        with transaction.atomic():
            taken = take(app=app, key=key, body=body)
            if taken.answer is not None:
                return _replay(taken.answer)
            entered = False
            try:
                response = post(self, request, **kwargs)
            except Exception as error:  # noqa: BLE001 - what the view itself would do with it, but inside the transaction
                response = self.handle_exception(error)
                entered = getattr(error, "entered", False)
            if response.status_code < 300 or entered:
                holder = getattr(request, "holder", None) or app.tenant.key_name
                try:
                    keep(taken=taken, answer=_pack(response), holder=holder, now=timezone.now())
                except KeyGone:  # of somebody who is being forgotten: what happened is kept all the same
                    keep(taken=taken, answer=_pack(response), holder=app.tenant.key_name, now=timezone.now())
            else:
                transaction.set_rollback(True)
        return response

    run.once = True  # type: ignore[attr-defined]  # for the OpenAPI document
    return run


def _parse(said: str) -> str:
    """Return the key of a header, bare or as a string of RFC 8941."""
    quoted = _QUOTED.fullmatch(said)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else said
    if len(key) > LONGEST_KEY or not (quoted or _BARE.fullmatch(said)):
        raise IdempotencyKeyInvalid
    return key


def _canonical(request: Request) -> bytes:
    """Return what was asked, the same however it was serialised: files by their content, JSON by its value."""
    match = request.resolver_match
    assert match is not None  # noqa: S101 - it was routed here
    data, kind = request.data, "json"
    if isinstance(data, QueryDict):
        data, kind = {name: [_value(each) for each in data.getlist(name)] for name in data}, "form"
    asked = [request.method, match.view_name, {name: str(value) for name, value in match.kwargs.items()}, kind, data]
    return json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()


def _value(each: Any) -> Any:
    if isinstance(each, str):
        return each
    digest = hashlib.sha256()
    for chunk in each.chunks():
        digest.update(chunk)
    each.seek(0)
    return {"sha256": digest.hexdigest()}


def _pack(response: Response) -> bytes:
    kept = {
        "status": response.status_code,
        "location": response.headers.get("Location"),
        "content_type": response.content_type,
        "data": response.data,
    }
    return bytes(JSONRenderer().render(kept))


def _replay(answer: bytes) -> Response:
    kept = json.loads(answer)
    headers = {REPLAYED: "true", **({"Location": kept["location"]} if kept["location"] else {})}
    return Response(kept["data"], status=kept["status"], headers=headers, content_type=kept["content_type"])
