"""Two at once: a consent for one use is used once, nothing is admitted after a withdrawal, and an erasure takes what was before it."""

import json
import os
import secrets
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from deploy.demo_parties import expect
from tests.stack.service import until

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
RACES = 200 if SOAK else 50
LANES = 2
UPLOADERS = 4
WITHDRAWALS = 3
ERASURES = 12 if SOAK else 6
CERTIFIED_WITHIN = 30


def test_two_sessions_race_for_one_use_and_exactly_one_wins(stack):
    lanes = [(stack.speaker(), stack.app(), stack.app()) for _ in range(LANES)]
    turns = iter(range(RACES))
    lock = threading.Lock()
    outcomes = []

    def race(first, second, grant):
        barrier = threading.Barrier(2)

        def run(app):
            barrier.wait()
            return app.open_session(grant)

        with ThreadPoolExecutor(2) as pair:
            return sorted(
                (response.status_code, response.json().get("reason")) for response in pair.map(run, (first, second))
            )

    def drive(lane):
        speaker, first, second = lane
        while True:
            with lock:
                if next(turns, None) is None:
                    return
            asked = first.ask(f"guest-{secrets.token_hex(8)}")
            speaker.answer(asked["url"], "once")
            outcome = race(first, second, first.answer(asked["id"])["grant"]["id"])
            with lock:
                outcomes.append(outcome)

    began = time.monotonic()
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(drive, lanes))
    sys.stdout.write(f"{len(outcomes)} races in {time.monotonic() - began:.1f} s\n")
    assert len(outcomes) == RACES
    assert [outcome for outcome in outcomes if outcome != [(201, None), (403, "uses_exhausted")]] == []


def test_nothing_is_admitted_after_a_withdrawal(stack, clips):
    speaker, asking = stack.speaker(), stack.app()
    apps = [stack.app() for _ in range(UPLOADERS)]
    for _ in range(WITHDRAWALS):
        asked = asking.ask(f"guest-{secrets.token_hex(8)}")
        speaker.answer(asked["url"], "term")
        grant = asking.answer(asked["id"])["grant"]["id"]
        session = asking.open_session(grant).json()["id"]
        tries = withdraw_while_uploading(speaker, apps, grant, session, clips["rms-1"])
        admitted = [response.json() for _, response in tries if response.status_code == 201]
        refused = [response.json()["reason"] for _, response in tries if response.status_code == 403]
        assert len(admitted) + len(refused) == len(tries)
        assert admitted
        assert set(refused) == {"consent_withdrawn"}

        withdrawn = stack.sql(
            "SELECT ref FROM ledger_opening WHERE kind = 'consent.withdrawn' ORDER BY at DESC LIMIT 1"
        )[0][0]
        last = asking.entry(str(withdrawn))[0]["index"]
        assert all(asking.entry(each["entry"])[0]["index"] < last for each in admitted), (
            "the record tells the same order"
        )
        for each in admitted:
            until(lambda each=each: asking.artifact(each["id"])["state"] == "erased", within=10, what="it is destroyed")
        assert not {each["id"] for each in admitted} & (stack.vault_files() | stack.artifact_keys())


def withdraw_while_uploading(speaker, apps, grant, session, clip):
    """Upload without a pause while the speaker withdraws; return each try with its start. None admitted began after the answer."""
    answered = threading.Event()
    tries = []

    def run(app):
        while True:
            began_after = answered.is_set()
            response = app.upload(session, clip)
            tries.append((began_after, response))
            if began_after:
                return

    with ThreadPoolExecutor(len(apps)) as pool:
        running = [pool.submit(run, app) for app in apps]
        try:
            time.sleep(0.5)
            speaker.withdraw(grant)
        finally:
            answered.set()
        for each in running:
            each.result()
    late = [response.status_code for began_after, response in tries if began_after]
    assert late == [403] * len(apps)
    return tries


def test_an_erasure_takes_what_was_given_before_it_and_nothing_given_after(stack, clips):
    """The person answers, and two lanes of the app record, at the moment at which the app has its user erased."""
    speaker, app, lanes = stack.speaker(), stack.app(), [stack.app(), stack.app()]
    raced = [erase_while_all_go_on(speaker, app, lanes, clips["rms-1"]) for _ in range(ERASURES)]
    later = [grant for erasure, grant, _ in raced if was_given_after(stack, app, grant, erasure)]
    kept = {}
    for grant in later:
        session = expect(app.open_session(grant), 201).json()["id"]
        kept[grant] = expect(app.upload(session, clips["rms-2"]), 201).json()["id"]
    for erasure, grant, taken in raced:
        until(
            lambda erasure=erasure: app.erasure(erasure)["state"] == "certified",
            within=CERTIFIED_WITHIN,
            what="it is certified",
        )
        said = json.loads(app.certificate(erasure))["certificate"]
        assert {each["artifact"] for each in said["artifacts"]} == set(taken)
        assert not set(taken) & (stack.vault_files() | stack.artifact_keys())
        requested = next(each["index"] for each in said["entries"] if '"erasure.requested"' in each["leaf"])
        assert all(app.entry(entry)[0]["index"] < requested for entry in taken.values()), (
            "the record tells the same order"
        )
        if grant in later:
            assert app.content(kept[grant]).content == clips["rms-2"]
        else:
            assert app.open_session(grant).json()["reason"] == "consent_withdrawn"
    sys.stdout.write(
        f"{len(raced)} erasures raced: {len(later)} answers came after, {len(raced) - len(later)} before\n"
    )


def erase_while_all_go_on(speaker, app, lanes, clip):
    """Return the erasure, the grant that was given at the same time, and what was recorded: artifact -> entry."""
    user = f"guest-{secrets.token_hex(8)}"
    asked = app.ask(user)
    speaker.answer(asked["url"], "term")
    session = app.open_session(app.answer(asked["id"])["grant"]["id"]).json()["id"]
    again = app.ask(user)
    form = speaker.visit(again["url"]).form_with("term")
    start = threading.Barrier(2 + len(lanes))

    def erase():
        start.wait()
        return app.erase(user)["id"]

    def allow():
        start.wait()
        speaker.send(form.action, form.click("term"))

    def record(lane):
        start.wait()
        return [lane.upload(session, clip) for _ in range(3)]

    with ThreadPoolExecutor(2 + len(lanes)) as pool:
        erasing, allowing = pool.submit(erase), pool.submit(allow)
        responses = [response for lane in pool.map(record, lanes) for response in lane]
        erasure = erasing.result()
        allowing.result()
    refused = [response.json() for response in responses if response.status_code != 201]
    assert [said for said in refused if said.get("reason") != "consent_withdrawn"] == []
    taken = [response.json() for response in responses if response.status_code == 201]
    return erasure, app.answer(again["id"])["grant"]["id"], {each["id"]: each["entry"] for each in taken}


def was_given_after(stack, app, grant, erasure):
    """Say on which side of the erasure a consent was given, as the log and the database say alike."""
    opening = """
        SELECT ref FROM ledger_opening WHERE kind = %s AND at = (SELECT date_trunc('milliseconds', {}) FROM {} WHERE id = %s)
    """
    given, requested = (
        app.entry(str(stack.sql(opening.format(column, table), kind, row)[0][0]))[0]["index"]
        for kind, column, table, row in (
            ("consent.given", "valid_from", "consent_grant", grant),
            ("erasure.requested", "requested_at", "retention_erasure", erasure),
        )
    )
    query = """
        SELECT g.state, EXISTS (SELECT FROM retention_erasure_bindings b WHERE b.erasure_id = %s AND b.binding_id = g.binding_id)
        FROM consent_grant g WHERE g.id = %s
    """
    assert stack.sql(query, erasure, grant) == [("given", False) if given > requested else ("withdrawn", True)]
    return given > requested
