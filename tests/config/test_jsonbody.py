"""A JSON body is read, or it is malformed; nothing in it is a fault of the service."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("deep", [600, 1_000, 2_000, 3_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k-1"}])
def test_a_nested_body(api, deep, opening, closing, key):
    body = opening * deep + b"1" + closing * deep
    answer = api.client.post("/api/v1/sessions", body, content_type="application/json", headers=api.headers | key)
    assert answer.status_code in {400, 422}
