"""What tells of a person is taken out of every line of a log; what an operator needs stays."""

import json
import logging
import time
import uuid
from datetime import UTC, date, datetime

import pytest
import structlog
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from config.logs import formatter
from config.scrub import scrub, scrubbed
from consent.models import Delegation
from tests.traces import traces

PEOPLE = {
    "li.na+x@example.com.cn": "email",
    "bob@localhost": "email",
    "张三@例子.公司": "email",
    "13812345678": "phone",
    "138 1234 5678": "phone",
    "138-1234-5678": "phone",
    "+86 138 1234 5678": "phone",
    "8613812345678": "phone",
    "008613812345678": "phone",
    "+4915112345678": "phone",
    "+49 (151) 1234567": "phone",
    "+1 415-555-2671": "phone",
    "4111 1111 1111 1111": "number",
    "6222021234567890128": "number",
    "378282246310005": "number",
    "490154203237518": "number",
    "11010519491231002X": "identity",
    "110105194912310021": "identity",
    "00:1B:44:11:3A:B7": "device",
    "00-1b-44-11-3a-b7": "device",
    "9774d56d682e549c": "device",
    "8.8.8.8": "ip",
    "2001:4860:4860::8888": "ip",
    "::ffff:8.8.8.8": "ip",
}
OURS = [
    "01932f5e-3c7a-7b1e-8f00-13812345678a",
    "01932f5e-3c7a-7b1e-8f00-138123456789",
    "2026-11-21T13:55:34.123456Z",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "1763733600.138123",
    "0.13812345678",
    "1763733600",
    "1234567890",
    "12.5",
    "consent:request",
    "13:55:34",
    "127.0.0.1:8000",
    "10.0.0.3",
    "::ffff:10.0.0.3",
    "celery@worker-1",
    "v1.2.3.4",
    "postgresql:///consonant",
    "ledger_entry_p000138",
    "",
]
BESIDE = ["{}", "to {} now", "({})", '"{}"', "x={}", "手机号{}吧", "[{}, {}]", "{}.", "/users/{}/", "{}\n{}"]


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize(("said", "kind"), PEOPLE.items(), ids=PEOPLE)
def test_a_person_goes(said, kind, beside):
    if kind in {"device", "email", "ip"} and "手" in beside:  # these may hold letters of any script
        beside = "是 {} 吧"
    assert scrub(beside.format(said, said)) == beside.format(f"[{kind}]", f"[{kind}]")


@pytest.mark.parametrize("said", OURS)
def test_what_is_ours_stays(said):
    for beside in BESIDE:
        text = beside.format(said, said)
        assert scrub(text) == text


@given(st.uuids(), st.datetimes(), st.binary(min_size=20, max_size=64))
def test_no_id_time_or_digest_is_harmed(ours, at, digest):
    text = f"{ours} {at.isoformat()} x{digest.hex()}"
    assert scrub(str(ours)) == str(ours)
    assert scrub(at.isoformat()) == at.isoformat()
    assert str(ours) in scrub(text)


@given(st.text())
def test_twice_is_once(text):
    assert scrub(scrub(text)) == scrub(text)


@pytest.mark.parametrize(
    "text", ["a-" * 50_000, "1" * 50_000, "x@" * 50_000, "+1 " * 50_000, "ab:" * 50_000, "a.b." * 50_000]
)
def test_a_long_text_takes_no_longer_than_its_length_says(text):
    began = time.perf_counter()
    scrub(text)
    assert time.perf_counter() - began < 5


class Person:
    def __repr__(self):
        return "<Person li@example.com>"


def test_every_kind_of_value():
    said = {
        "n": 13812345678,
        "a": [1, 2.5, None, True, ("li@example.com",)],
        "li@example.com": Person(),
        "id": uuid.UUID(int=7),
    }
    assert scrubbed(said) == {
        "n": "[phone]",
        "a": [1, 2.5, None, True, ["[email]"]],
        "[email]": "<Person [email]>",
        "id": repr(uuid.UUID(int=7)),
    }


def lines(say):
    """Return what a logger with our formatter writes."""
    written = []

    class Keep(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler, logger = Keep(), logging.getLogger("tests.scrub")
    handler.setFormatter(formatter())
    logger.addHandler(handler)
    try:
        say(logger)
    finally:
        logger.removeHandler(handler)
    return [json.loads(line) for line in written]


def test_a_librarys_line_is_scrubbed_with_its_arguments_and_its_exception():
    inner = ValueError("Key (email)=(li@example.com) already exists")
    inner.add_note("called from 13812345678")

    def insert():
        raise inner

    def fail():
        try:
            insert()
        except ValueError as error:
            raise RuntimeError("for 11010519491231002X") from error

    def say(logger):
        try:
            fail()
        except RuntimeError:
            logger.exception("failed for %s at %s", "li@example.com", "8.8.8.8", stack_info=True)

    (line,) = lines(say)
    assert line["event"] == "failed for [email] at [ip]"
    text = json.dumps(line)
    assert [each["exc_value"] for each in line["exception"]] == [
        "for [identity]",
        "Key (email)=([email]) already exists",
    ]
    assert "called from [phone]" in text
    assert traces(text) == []


def test_a_line_of_ours_is_scrubbed_with_all_that_it_binds():
    def say(logger):
        ours = structlog.wrap_logger(logger, processors=structlog.get_config()["processors"])
        structlog.contextvars.bind_contextvars(caller="+8613812345678")
        try:
            ours.warning("met", who=Person(), where={"at": ["9774d56d682e549c"]})
        finally:
            structlog.contextvars.clear_contextvars()

    (line,) = lines(say)
    assert (line["caller"], line["who"], line["where"]) == ("[phone]", "<Person [email]>", {"at": ["[device]"]})
    assert (line["event"], line["level"]) == ("met", "warning")


@pytest.mark.parametrize(
    "said", [each for each in PEOPLE if PEOPLE[each] in {"email", "phone", "number", "device", "identity"}]
)
def test_the_grep_over_the_suites_logs_finds_what_is_not_scrubbed(said):
    """`tests.traces` is written apart from what it judges."""
    assert traces(f"said to {said} now")
    assert traces(scrub(f"said to {said} now")) == []


def test_what_was_logged_in_these_tests_is_looked_at_in_the_end(suite_log):
    logging.getLogger("tests.scrub").warning("to %s", "li@example.com")
    kept = suite_log.read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(kept)["event"] == "to [email]"


def test_a_long_name_goes_whole_and_one_with_an_apostrophe():
    for address in ("li.na" * 18 + "@example.com", "a" * 90 + "@example.com", "conan.o'brien@example.com"):
        assert scrub(f"to {address} now") == "to [email] now"
    assert scrub("{'to': 'li@example.com'}") in {"{'to': '[email]'}", "{'to': '[email]}"}


@pytest.mark.parametrize("said", ["{}", "in a task: {!r}"])
def test_what_postgresql_says_of_a_row_that_it_refused_is_not_in_the_log(user, said):
    """Its DETAIL shows the row: names and birthdays, which no pattern knows."""
    label, now = "Grandmother Rose", datetime(2026, 1, 1, tzinfo=UTC)
    rows = {
        "accounts_user_email": lambda: User.objects.create(email=user.email),
        "consent_delegation_two": lambda: Delegation.objects.create(
            principal=user,
            delegate=user,
            relationship="guardian",
            label=label,
            born_on=date(1931, 5, 4),
            requested_at=now,
        ),
        "date": lambda: User.objects.extra(where=[f"born_on = '{label}'"]).count(),
    }
    for told, insert in rows.items():
        try:
            with transaction.atomic():
                insert()
        except DatabaseError as error:
            refused = error

        def say(logger, refused=refused):
            logger.error("failed", exc_info=refused)
            logger.error("%s", said.format(refused))

        assert "\n" in str(refused), "there is more than a sentence"
        text = json.dumps(lines(say))
        assert told in text
        assert not [each for each in (user.email, label, "1931", "Key (") if each in text]
