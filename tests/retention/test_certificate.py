"""The certificate of a real erasure: it verifies offline, and nothing in it can be changed unnoticed, not even by who signs it."""

import copy
import json
import os
import subprocess
import sys
import uuid
from datetime import timedelta

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ledger import show as showing
from ledger.models import Log
from ledger.note import Signer, Verifier
from ledger.signing import certifier_of
from retention import certificate, certify
from retention.errors import CertificateBroken
from retention.models import Artifact, Erasure
from tests.factories import UserFactory
from tests.retention.test_erasure import CONSENT, acknowledged, erase, live, seal, turn
from tests.vectors import PROJECT

pytestmark = pytest.mark.django_db


_MADE = {}
"""One real erasure serves all tests: its keys stay in the key store when a test's rows are rolled back."""


@pytest.fixture
def real(request):
    """The certificate of two lives (recordings, voiceprints in memory, speech that the app kept), its signer, and the log's key."""
    if not _MADE:
        api, consent, clip, tenant = (request.getfixturevalue(name) for name in ("api", "consent", "clip", "tenant"))
        grant = consent(operations=CONSENT)
        kept = [live(api, grant, clip) for _ in range(2)]
        erase(api)
        turn()
        for artifact in kept:
            acknowledged(api, artifact)
        turn()
        turn()
        signer = certifier_of(tenant.origin, now=timezone.now())
        log = Verifier.from_vkey(Log.objects.get(origin=tenant.origin).vkey)
        _MADE["real"] = certify.certificate_of(Erasure.objects.get()), signer, log
    return _MADE["real"]


@pytest.fixture
def signed(real):
    return real[0]


@pytest.fixture
def signer(real):
    return real[1]


@pytest.fixture
def keys(real):
    return {"issuer": real[1].verifier(), "log": real[2]}


def keys_of(tenant):
    return {
        "issuer": certifier_of(tenant.origin, now=timezone.now()).verifier(),
        "log": Verifier.from_vkey(Log.objects.get(origin=tenant.origin).vkey),
    }


def levels(findings):
    return {finding.level for finding in findings}


def what(findings):
    return {finding.what for finding in findings}


def test_it_verifies(signed, keys):
    (only,) = certificate.verify(signed, **keys)
    assert (only.level, only.what) == ("ok", "certificate.verified")
    assert only.message.startswith("6 artifacts gone")


def test_the_canonical_form_is_rfc_8785(signed):
    body, _ = certificate.parse(signed)
    ours = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert rfc8785.dumps(body) == ours


def leaves_of(tree, path=()):
    """Every place of a JSON tree."""
    yield path
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        yield from leaves_of(child, (*path, key))


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def changed(value):
    if isinstance(value, str):
        return value[:-1] + ("x" if value[-1:] != "x" else "y") if value else "x"
    return value + 1 if isinstance(value, int) else "x"


def test_no_place_of_it_can_be_changed_or_dropped(signed, keys):
    whole = json.loads(signed)
    tried = 0
    for path in list(leaves_of(whole)):
        if not path:
            continue
        for act in ("change", "drop"):
            copied = copy.deepcopy(whole)
            parent = at(copied, path[:-1])
            if act == "drop":
                del parent[path[-1]]
            elif isinstance(parent[path[-1]], dict | list):
                continue
            else:
                parent[path[-1]] = changed(parent[path[-1]])
            findings = certificate.verify(json.dumps(copied).encode(), **keys)
            assert "error" in levels(findings), (act, path)
            assert "ok" not in levels(findings)
            tried += 1
    assert tried > 200


def resigned(signed, signer, change):
    body = json.loads(signed)["certificate"]
    change(body)
    return certificate.sign(body, signer=signer)


LIES = {
    "an artifact left out": lambda body: body["artifacts"].pop(),
    "an artifact left out with its entries": lambda body: (
        gone := body["artifacts"].pop(),
        body.update(entries=[each for each in body["entries"] if each["ref"] not in gone["entries"]]),
    ),
    "an entry left out": lambda body: body["entries"].pop(),
    "an entry's way up": lambda body: body["entries"][0].update(proof=[]),
    "another payload": lambda body: body["entries"][0].update(payload="{}"),
    "another salt": lambda body: body["entries"][0].update(payload_salt="00" * 32),
    "entries swapped": lambda body: body["entries"].reverse(),
    "two artifacts swapped": lambda body: (
        first := body["artifacts"][0],
        second := next(each for each in body["artifacts"] if each["kind"] == first["kind"] and each is not first),
        first.update(entries=second["entries"], artifact=first["artifact"]),
    ),
    "gone another way": lambda body: next(each for each in body["artifacts"] if each["gone"] == "acknowledged").update(
        gone="never_stored", custody="none"
    ),
    "gone where nobody confirmed": lambda body: next(
        each for each in body["artifacts"] if each["gone"] == "key_destroyed"
    ).update(gone="unconfirmed", custody="app", gone_at=None),
    "gone earlier": lambda body: body["artifacts"][0].update(gone_at="2020-01-01T00:00:00.000Z"),
    "made earlier": lambda body: body["artifacts"][0].update(recorded_at="2020-01-01T00:00:00.000Z"),
    "another erasure": lambda body: body.update(erasure="00000000-0000-7000-8000-000000000000"),
    "asked at another time": lambda body: body.update(requested_at="2020-01-01T00:00:00.000Z"),
    "issued before": lambda body: body.update(issued_at="2020-01-01T00:00:00.000Z"),
    "another log": lambda body: body.update(log="elsewhere.test/x"),
    "another kind": lambda body: body["artifacts"][0].update(kind="portrait"),
    "another type": lambda body: body.update(type="consonant/erasure-certificate/v9"),
    "another scope": lambda body: body.update(scope="nothing"),
    "another checkpoint": lambda body: body.update(checkpoint=body["checkpoint"].replace("\n", "\nx", 1)),
}


@pytest.mark.parametrize("lie", LIES)
def test_who_signs_it_cannot_lie_about_the_log(signed, keys, signer, lie):
    forged = resigned(signed, signer, LIES[lie])
    findings = certificate.verify(forged, **keys)
    assert "signature.broken" not in what(findings)
    assert "signature.other_text" not in what(findings)
    assert "error" in levels(findings), findings
    assert "ok" not in levels(findings)


ISSUERS_WORD = {"keys_destroyed_at", "unrecoverable_from_backups_by", "issued_at", "kept"}


def test_whatever_who_signs_it_changes_does_not_verify(signed, keys, signer):
    """Each place changed and dropped in turn and signed anew; only what rests on the issuer's word alone can be another."""
    whole = json.loads(signed)["certificate"]
    tried, passed = 0, set()
    for path in list(leaves_of(whole))[1:]:
        for act in ("change", "drop", "twice"):
            body = copy.deepcopy(whole)
            parent = at(body, path[:-1])
            value = parent[path[-1]]
            if act == "drop" and isinstance(parent, list):
                del parent[path[-1]]
            elif act == "twice" and isinstance(parent, list):
                parent.append(copy.deepcopy(value))
            elif act == "change" and not isinstance(value, dict | list):
                parent[path[-1]] = changed(value)
            else:
                continue
            tried += 1
            try:
                forged = certificate.sign(body, signer=signer)
            except CertificateBroken:
                continue
            if "error" not in levels(certificate.verify(forged, **keys)):
                passed.add(path[0])
    assert tried > 300
    assert passed <= ISSUERS_WORD


def test_a_broken_one_is_never_given_out(api, consent, clip, monkeypatch):
    """What does not verify is not signed off, and is tried again."""
    kept = live(api, consent(operations=CONSENT), clip)
    erase(api)
    acknowledged(api, kept)
    real = showing.prove_inclusion
    with monkeypatch.context() as patch:
        patch.setattr(showing, "prove_inclusion", lambda **words: [*real(**words)[1:], bytes(32)])
        for _ in range(3):
            turn()
        assert Erasure.objects.get().state == "completed"
    turn()
    assert Erasure.objects.get().state == "certified"


def test_a_head_published_meanwhile_makes_no_difference(api, consent, clip, monkeypatch):
    kept = live(api, consent(operations=CONSENT), clip)
    erase(api)
    acknowledged(api, kept)
    real = showing.read

    def read(origin, path):
        data = real(origin, path)
        if path == "checkpoint":
            consent(ref=str(uuid.uuid4()), who=UserFactory())
            seal()
        return data

    monkeypatch.setattr(showing, "read", read)
    for _ in range(3):
        turn()
    assert Erasure.objects.get().state == "certified"


def test_a_hundred_warnings_are_no_error(api, consent, clip, monkeypatch, tenant):
    monkeypatch.setattr(certificate, "MAX_FINDINGS", 1)
    grant = consent(operations=CONSENT)
    for _ in range(2):
        live(api, grant, clip)
    erase(api)
    turn()
    last = Erasure.objects.get().due_at + timedelta(seconds=1)
    for _ in range(3):
        turn(last)
    findings = certificate.verify(certify.certificate_of(Erasure.objects.get()), **keys_of(tenant))
    assert [finding.level for finding in findings] == ["warning", "ok"]
    assert findings[0].message.startswith("2 artifacts")


def test_what_nobody_confirmed_is_told_and_is_no_lie(api, consent, clip, tenant):
    live(api, consent(operations=CONSENT), clip)
    erase(api)
    turn()
    last = Erasure.objects.get().due_at + timedelta(seconds=1)
    for _ in range(3):
        turn(last)
    findings = certificate.verify(certify.certificate_of(Erasure.objects.get()), **keys_of(tenant))
    assert [(finding.level, finding.what) for finding in findings] == [
        ("warning", "artifact.unconfirmed"),
        ("ok", "certificate.verified"),
    ]
    assert Artifact.objects.get(custody="app").state == "erasing"


def test_of_nothing_recorded(api, consent, tenant):
    consent()
    erase(api)
    for _ in range(2):
        turn()
    (only,) = certificate.verify(certify.certificate_of(Erasure.objects.get()), **keys_of(tenant))
    assert only.message.startswith("0 artifacts gone")


def test_other_keys_do_not_verify_it(signed, keys):
    stranger = Ed25519PrivateKey.generate()
    for name, own in keys.items():
        other = keys | {name: Signer(own.name, stranger).verifier()}
        assert "ok" not in levels(certificate.verify(signed, **other))


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_anything_else_is_broken_and_nothing_worse(data):
    with pytest.raises(CertificateBroken):
        certificate.parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":1,"a":2}',
        b'{"certificate":{},"signature":1.5}',
        b'{"x":"\\ud800"}',
        b"\xff",
    ],
)
def test_broken_files(data):
    with pytest.raises(CertificateBroken):
        certificate.parse(data)


def test_odd_values_in_any_place_are_found(signed, keys):
    whole = json.loads(signed)
    for path in list(leaves_of(whole))[1:]:
        for odd in (None, [], {}, 0, -1, 10**30, True, "", "\ud800", [[]], [None]):
            copied = copy.deepcopy(whole)
            if at(copied, path) == odd and type(at(copied, path)) is type(odd):
                continue
            at(copied, path[:-1])[path[-1]] = odd
            assert "ok" not in levels(certificate.verify(json.dumps(copied).encode(), **keys)), (path, odd)


class TestCommand:
    def run(self, *arguments, database="postgresql://127.0.0.1:1/away"):
        environment = os.environ | {"DATABASE_URL": database, "CONSONANT_MODE": "local"}
        return subprocess.run(
            [sys.executable, "manage.py", "verify_certificate", *map(str, arguments)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_offline_with_the_keys(self, signed, keys, tmp_path):
        file = tmp_path / "certificate.json"
        file.write_bytes(signed)
        vkeys = ["--issuer-vkey", keys["issuer"].vkey, "--log-vkey", keys["log"].vkey]
        done = self.run(file, *vkeys)
        assert (done.returncode, done.stdout[:24]) == (0, "ok: certificate.verified"), done.stderr
        file.write_bytes(signed.replace(b"acknowledged", b"never_stored"))
        done = self.run(file, *vkeys)
        assert done.returncode == 1
        assert "error: signature.other_text" in done.stdout

    def test_without_the_keys_and_the_database_it_is_one_sentence(self, signed, tmp_path):
        file = tmp_path / "certificate.json"
        file.write_bytes(signed)
        done = self.run(file)
        assert done.returncode == 1
        assert "give the keys" in done.stderr
        assert "Traceback" not in done.stderr

    def test_no_certificate_is_one_sentence(self, keys, tmp_path):
        vkeys = ["--issuer-vkey", keys["issuer"].vkey, "--log-vkey", keys["log"].vkey]
        file = tmp_path / "no"
        file.write_bytes(b"\x00" * 1000)
        for done in (self.run(file, *vkeys), self.run(tmp_path / "absent", *vkeys), self.run(file, *vkeys[:2])):
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            assert done.stdout + done.stderr
