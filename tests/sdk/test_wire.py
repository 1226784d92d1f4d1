"""What is tried again, with which key, for how long; and what is not. The protocols are values: each answer is written down here."""

import json

import pytest

PROBLEM = "urn:consonant:problem:"


class Script:
    """Answers in turn; keeps the calls and the waits."""

    def __init__(self, *answers):
        self.answers, self.calls, self.waits = list(answers), [], []

    def send(self, call):
        from consonant.wire import Answer, Away

        self.calls.append(call)
        said = self.answers.pop(0)
        if said is None:
            raise Away
        status, body, *headers = said
        return Answer(status, headers[0] if headers else {}, json.dumps(body).encode())

    def run(self, flow):
        from consonant.wire import run

        return run(flow, self.send, self.waits.append)


TOKEN = (200, {"access_token": "t-1", "expires_in": 3600})


def login():
    from consonant.wire import Login

    return Login("an-app", "a-secret")


def test_what_may_be_answered_otherwise_is_sent_again_under_one_key(sdk_path):
    from consonant import protocol
    from consonant.wire import Call, once_more

    busy = (409, {"type": f"{PROBLEM}idempotency-key-in-use"}, {"retry-after": "1"})
    script = Script(TOKEN, None, (503, {}), (500, {}), (429, {}, {"retry-after": "2"}), busy, (201, {"id": 1}))
    call = once_more(Call("POST", "/api/v1/sessions", json={}))
    assert script.run(protocol.said(login(), call, deadline=60)) == {"id": 1}
    keys = {each.headers["Idempotency-Key"] for each in script.calls[1:]}
    assert len(keys) == 1
    assert len(script.waits) == 5
    assert script.waits[3] == 2.0
    assert script.waits[4] >= 1.0
    assert all(0 < each <= 5 for each in script.waits[:3])


@pytest.mark.parametrize(
    ("status", "problem"), [(422, "invalid-request"), (404, "grant-unknown"), (409, "request-cooling"), (410, "gone")]
)
def test_what_is_wrong_is_not_sent_again(sdk_path, status, problem):
    from consonant import Rejected, protocol
    from consonant.wire import Call

    script = Script(TOKEN, (status, {"type": f"{PROBLEM}{problem}", "detail": "A sentence."}))
    with pytest.raises(Rejected) as rejected:
        script.run(protocol.said(login(), Call("GET", "/x")))
    assert (rejected.value.status, rejected.value.problem) == (status, problem)
    assert len(script.calls) == 2


def test_a_refusal_is_not_sent_again_and_bears_its_reason(sdk_path):
    from consonant import NotAllowed, protocol

    said = {"type": f"{PROBLEM}use-refused", "detail": "No.", "reason": "consent_paused", "cure": "Wait."}
    script = Script(TOKEN, (403, said))
    with pytest.raises(NotAllowed) as refused:
        script.run(protocol.open_session(login(), "a-grant", ()))
    assert (refused.value.reason, refused.value.cure, str(refused.value)) == ("consent_paused", "Wait.", "No.")


def test_a_retry_after_beyond_the_deadline_is_no_reason_to_wait(sdk_path):
    from consonant import Unavailable, protocol

    script = Script(TOKEN, (429, {}, {"retry-after": "60"}))
    with pytest.raises(Unavailable):
        script.run(protocol.open_session(login(), "a-grant", ()))
    assert script.waits == []


def test_a_token_is_kept_and_fetched_anew_once_when_it_is_not_taken(sdk_path):
    from consonant import Rejected, protocol
    from consonant.wire import Call

    app, denied = login(), (401, {"type": f"{PROBLEM}not-authenticated"})
    script = Script(TOKEN, (200, {}), (200, {}), denied, (200, {"access_token": "t-2", "expires_in": 3600}), (200, {}))
    for _ in range(3):
        script.run(protocol.said(app, Call("GET", "/x")))
    bearers = [each.headers.get("Authorization") for each in script.calls]
    assert bearers == [None, "Bearer t-1", "Bearer t-1", "Bearer t-1", None, "Bearer t-2"]
    script = Script(TOKEN, denied, TOKEN, denied)
    with pytest.raises(Rejected):
        script.run(protocol.said(login(), Call("GET", "/x")))


def test_what_is_not_the_services_answer_is_none(sdk_path):
    from consonant import Unavailable, protocol
    from consonant.wire import Answer, Call, run

    answers = [Answer(200, {}, b'{"access_token": "t", "expires_in": 60}'), Answer(200, {}, b"<html>captive portal")]
    with pytest.raises(Unavailable):
        run(protocol.said(login(), Call("GET", "/x")), lambda _call: answers.pop(0))
    script = Script(TOKEN, (201, {"no": "session"}))
    with pytest.raises(Unavailable):
        script.run(protocol.open_session(login(), "a-grant", ()))
    answers = [Answer(200, {}, b'{"access_token": "t", "expires_in": 60}'), Answer(201, {}, b"")]
    with pytest.raises(Unavailable):
        run(protocol.open_session(login(), "a-grant", ()), lambda _call: answers.pop(0))
