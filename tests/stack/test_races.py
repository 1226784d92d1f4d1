"""Two at once: a consent for one use is used once, and nothing is admitted after a withdrawal's answer."""

import os
import secrets
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.stack.service import until

RACES = int(os.environ.get("CONSONANT_RACES", "200"))
LANES = 2
UPLOADERS = 4
WITHDRAWALS = 3


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
