"""Publishing under a witness policy: with real witnesses in processes of their own, and with liars."""

import pytest
from django.utils import timezone

from ledger import note
from ledger.cosignature import verifier_from_vkey
from ledger.files import read
from ledger.heads import published_checkpoint, signed_checkpoint
from ledger.models import Alarm, Log, Witnessing
from ledger.policy import check
from ledger.publish import publish, witness_policy
from ledger.sequence import sequence
from tests.ledger.conftest import add
from tests.ledger.witnessing import running
from tests.restore import restored_afterwards


def run(origin):
    while sequence(origin=origin):
        pass
    return publish(origin=origin, now=timezone.now())


def open_alarms():
    return set(Alarm.objects.filter(ended_at=None).values_list("what", flat=True))


@pytest.fixture
def policy(settings, tmp_path):
    """Write the policy."""

    def write(text):
        path = tmp_path / "policy"
        path.write_text(text)
        settings.WITNESS_POLICY = str(path)

    return write


@pytest.fixture
def one(origin, tmp_path):
    """A witness of the log."""
    with running(tmp_path / "w1", "--log", Log.objects.get().vkey, "--algorithm", "ml-dsa-44") as process:
        yield process


DEAD = "http://127.0.0.1:1"


def test_with_a_quorum_it_is_published_with_its_cosignatures(origin, one, policy, tmp_path):
    policy(f"witness w1 {one.vkeys[0]} {one.url}\nquorum w1\n")
    for count in (3, 254, 300):
        add(origin, count)
        size = run(origin)
        verifiers = [note.Verifier.from_vkey(Log.objects.get().vkey), verifier_from_vkey(one.vkeys[0])]
        assert len(note.open(read(origin, "checkpoint"), verifiers).signatures) == 2
        checked = check(read(origin, "checkpoint"), witness_policy(), log_verifiers=verifiers[:1])
        assert (checked.checkpoint.size, checked.cosigned_by, checked.satisfied) == (size, ("w1",), True)
    seen = Witnessing.objects.get()
    assert (seen.size, seen.trouble, seen.since) == (557, "", None)
    assert one.get(origin).text.startswith(f"{origin}\n557\n")
    assert open_alarms() == set()


def test_without_a_quorum_the_last_one_stays(origin, one, policy):
    good = f"witness w1 {one.vkeys[0]} {one.url}\n"
    policy(f"{good}quorum w1\n")
    add(origin, 2)
    assert run(origin) == 2
    before = read(origin, "checkpoint")
    policy(f"witness w1 {one.vkeys[0]} {DEAD}\nquorum w1\n")
    for _ in range(2):
        add(origin, 200)
        assert run(origin) == 2
    log = Log.objects.get()
    assert read(origin, "checkpoint") == before
    assert (published_checkpoint(log).size, signed_checkpoint(log).size) == (2, 402)
    assert open_alarms() == {"witness.quorum"}
    assert Witnessing.objects.get().trouble
    policy(f"{good}quorum w1\n")
    assert run(origin) == 402, "the newest head is the one that is cosigned"
    assert open_alarms() == set()
    assert Witnessing.objects.get().trouble == ""


def test_one_of_two_is_enough_where_the_policy_says_so(origin, one, policy, tmp_path):
    with running(tmp_path / "w2", "--log", Log.objects.get().vkey, "--algorithm", "ed25519", name="w2.example") as two:
        policy(
            f"witness w1 {one.vkeys[0]} {DEAD}\nwitness w2 {two.vkeys[0]} {two.url}\ngroup both any w1 w2\nquorum both\n"
        )
        add(origin, 2)
        assert run(origin) == 2
    assert {seen.witness: bool(seen.trouble) for seen in Witnessing.objects.all()} == {"w1": True, "w2": False}
    assert open_alarms() == set()


def test_a_witness_that_is_ahead_of_us_says_so(origin, one, policy):
    """Our own memory of it is lost, and then the whole database: it still cosigns no other history."""
    policy(f"witness w1 {one.vkeys[0]} {one.url}\nquorum w1\n")
    add(origin, 5)
    assert run(origin) == 5
    Witnessing.objects.all().delete()
    add(origin, 2)
    assert run(origin) == 7, "it said 5, and was asked again from there"
    assert Witnessing.objects.get().size == 7


def test_a_history_that_the_witness_has_not_seen_so_is_not_published(origin, one, policy, settings, tmp_path):
    policy(f"witness w1 {one.vkeys[0]} {one.url}\nquorum w1\n")
    add(origin, 5)
    run(origin)
    with restored_afterwards():
        add(origin, 4)
        assert run(origin) == 9
    # The operator throws away what the database is compared with, and begins another history under the same key.
    settings.HEADS, settings.LOG_FOLDER = tmp_path / "heads", tmp_path / "logs"
    add(origin, 6)
    assert run(origin) == 0
    assert open_alarms() == {"witness.quorum", "witness.disagrees"}
    assert Alarm.objects.get(what="witness.disagrees").detail == "w1"
    assert one.get(origin).text.startswith(f"{origin}\n9\n")
