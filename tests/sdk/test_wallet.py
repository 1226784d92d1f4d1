"""The wallet as a program, against a real service: made, claimed, found, attested, proven; and what it refuses."""

import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import Client
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from consent.models import Subject
from consent.withdraw import withdraw
from tests.factories import AppFactory, TenantFactory, UserFactory, sign_in_just_now
from tests.portal.conftest import Quiet
from tests.portal.scene import MONTH, seal
from tests.zkp import frontend
from zkp import document as documents
from zkp.core.context import Context
from zkp.issuer import issuer_of
from zkp.models import epoch_of

START = """
import sys
sys.path.insert(0, {target!r})
from consonant.cli import main
sys.exit(main())
"""
PASSPHRASE = "a passphrase of a test"


@pytest.fixture(scope="module")
def program(target):
    """Run `consonant wallet` alone with its needs; return its exit status, its lines and what it said beside."""
    for name in ("mnemonic", "py_arkworks_bls12381"):
        path = importlib.util.find_spec(name).submodule_search_locations[0]
        link = target / name
        if not link.exists():
            link.symlink_to(path)
    script = target / "start_wallet.py"
    script.write_text(START.format(target=str(target)))

    def run(*words, given=b"", **environment):
        command = [sys.executable, "-I", "-S", str(script), "wallet", *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, check=False, input=given, timeout=120, env=os.environ | environment
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()

    return run


@pytest.fixture
def service(committed, settings):
    """A service, a person with a consent, and the address."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
    now, user = timezone.now(), UserFactory()
    app = AppFactory(tenant=TenantFactory())
    asked = ask(app=app, subject_ref="user-1", purpose="voice-cloning", operations=["upload"], term=MONTH, now=now)
    grant = allow(token=asked.token, user=user, choice="term", locale="en", now=now)
    seal()
    try:
        yield SimpleNamespace(url=settings.PUBLIC_URL, user=user, grant=grant, app=app)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        connection.close()


@pytest.fixture
def made(program, tmp_path):
    """A wallet's file, and how to name it."""
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    words = ("--wallet", tmp_path / "wallet.json", "--passphrase", tmp_path / "passphrase")
    status, lines, _ = program("create", *words)
    assert status == 0
    return SimpleNamespace(words=words, said=lines[0], folder=tmp_path)


def code(service, folder):
    client = Client()
    sign_in_just_now(client, service.user)
    page = client.post("/wallet/code").content.decode()
    assert 'id="code">' in page, page
    path = folder / "code"
    path.write_text(page.partition('id="code">')[2].partition("<")[0].strip())
    return path


def ask_for(**more):
    """A question, as its verifier gets it."""
    body = {"purpose": "to let you in", "verifier": "https://verifier.example", **more}
    answer = Client().post("/api/v1/challenges", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def holds(document, question):
    """Say whether a document answers the question, as its verifier finds without the program."""
    proof = documents.parse(document)
    context = Context.read(question["context"].encode())
    issuer = issuer_of(context.origin, now=timezone.now()).pk
    return proof.context == context and documents.holds(proof, context=context, issuer=issuer, now=timezone.now())


@pytest.fixture
def claimed(program, service, made, target):
    """A wallet that has taken over and looked, in a log with one entry of before and two of after."""
    there = ("--service", service.url)
    own_code = code(service, made.folder)
    status, _lines, said = program("claim", *made.words, *there, "--code", own_code)
    assert (status, "Earlier keys in the file: 1" in said) == (0, True), said
    withdraw(grant_id=service.grant.id, user=service.user, now=timezone.now())
    seal()
    status, lines, said = program("scan", *made.words, *there)
    assert status == 0, said
    found = {line.split()[2]: line for line in lines}
    return SimpleNamespace(
        words=made.words,
        there=there,
        code=own_code,
        found=found,
        number={kind: line.split()[0] for kind, line in found.items()},
        ref={kind: line.split()[3] for kind, line in found.items()},
        folder=made.folder,
        file=made.folder / "wallet.json",
        target=target,
    )


def test_a_persons_way_from_the_words_to_a_proof(program, claimed, service):
    assert claimed.found["consent.given"].endswith("earlier-key")
    assert {"subject.claimed", "consent.withdrawn"} <= claimed.found.keys()
    there = (*claimed.words, *claimed.there)
    ref = claimed.ref["consent.given"]
    status, lines, said = program("receipt", ref, *there, "--code", claimed.code)
    assert status == 0, said
    assert json.loads(lines[0])["app"] == str(service.app.id)

    question = ask_for(statement="own")
    number = claimed.number["consent.withdrawn"]
    status, lines, said = program("prove", question["url"], *there, "--entries", number, "--send", "--yes")
    assert status == 0, said
    assert "(unverified) asks for a proof of own: to let you in" in said
    told = json.loads(lines[0])["says"]
    assert told["key"] == "wallet", "the entry that says so comes with it"
    assert {each["kind"] for each in told["entries"]} == {"subject.claimed", "consent.withdrawn"}
    challenge = ask_for(statement="receipt", attributes=["kind", "status"])["id"]
    status, lines, said = program("prove", challenge, *there, "--receipt", ref, "--send", "--yes")
    assert status == 0, said
    assert json.loads(lines[0])["says"] == {"shown": {"kind": "consent.given", "status": "given"}}
    status, _lines, said = program("prove", challenge, *there, "--receipt", ref)
    assert (status, "404" in said) == (1, True)


def test_a_consent_that_stands_is_shown_once(program, service, made):
    there = ("--service", service.url)
    own_code = code(service, made.folder)
    assert program("claim", *made.words, *there, "--code", own_code)[0] == 0
    seal()
    words = {"statement": "active", "app": str(service.app.id), "operation": "upload"}
    for verdict in ("holds", "refused"):
        question = ask_for(**words)["id"]
        status, lines, said = program("prove", question, *made.words, *there, "--code", own_code, "--send", "--yes")
        assert (status, json.loads(lines[0])["verdict"]) == (int(verdict == "refused"), verdict), said
    assert "spent" in said
    withdraw(grant_id=service.grant.id, user=service.user, now=timezone.now())
    status, lines, said = program("prove", ask_for(**words)["id"], *made.words, *there, "--code", own_code)
    assert (status, lines, "no consent of yours" in said) == (1, [], True)


def test_it_proves_without_a_network_all_that_it_has_seen(program, claimed):
    for choice, kinds in (("all", {"subject.claimed", "consent.withdrawn"}), ("earlier", {"consent.given"})):
        question = ask_for(statement="own")
        (claimed.folder / "question").write_text(json.dumps(question))
        words = (claimed.folder / "question", *claimed.words, "--entries", choice)
        status, lines, said = program("prove", *words)
        assert (status, "Without a service" in said) == (0, True), said
        document = json.loads(lines[0])
        assert holds(document, question)
        assert {each["ref"] for each in document["entries"]} >= {claimed.ref[kind] for kind in kinds}
        assert not holds(document, ask_for(statement="own")), "another question"
    both = ",".join(claimed.number[kind] for kind in ("consent.given", "consent.withdrawn"))
    status, lines, said = program("prove", "-", *claimed.words, "--entries", both, given=json.dumps(question).encode())
    assert (status, lines, "several keys" in said) == (1, [], True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"issuer": "ab" * 96}, "another key for receipts"),
        ({"verifier": "https://other.example"}, "another log or verifier"),
        ({"wants": None}, "not understood"),
        ({"context": "{}"}, "one form"),
    ],
)
def test_it_answers_no_question_that_is_not_what_it_seems(program, claimed, change, why):
    given = json.dumps(ask_for(statement="own") | change).encode()
    status, lines, said = program("prove", "-", *claimed.words, "--entries", "all", given=given)
    assert (status, lines, why in said) == (1, [], True), said


def test_who_asks_in_a_file_has_no_name(program, claimed):
    forged = {"verifier_known": True, "verifier_name": "My Bank"}
    given = json.dumps(ask_for(statement="own") | forged).encode()
    status, _lines, said = program("prove", "-", *claimed.words, "--entries", "all", given=given)
    assert (status, "https://verifier.example (unverified)" in said, "My Bank" in said) == (0, True, False), said


def test_it_answers_no_question_that_would_link_days_is_over_or_shows_another_history(program, claimed, service):
    question = ask_for(statement="active", app=str(service.app.id), operation="upload")
    context = Context.read(question["context"].encode())

    def said_to(**change):
        fields = {name: getattr(context, name) for name in Context.__slots__} | change
        return json.dumps(question | {"context": Context(**fields).octets().decode()}).encode()

    later = json.dumps(question | {"epoch": epoch_of(timezone.now()) + 9}).encode()
    over = said_to(expires=context.expires - timedelta(days=1))
    other = said_to(root=bytes(32))
    for given, why in ((later, "later days"), (over, "time is over"), (other, "two histories")):
        words = ("prove", "-", *claimed.words, *claimed.there, "--code", claimed.code)
        status, lines, said = program(*words, given=given)
        assert (status, lines, why in said) == (1, [], True), said


def test_a_crash_between_the_answer_to_a_claim_and_the_file_loses_nothing(program, service, made):
    """The file of before the claim is put back, as a crash leaves it: the next claim finds what waits there."""
    file, there = made.folder / "wallet.json", ("--service", service.url)
    before = file.read_bytes()
    own_code = code(service, made.folder)
    for _ in range(2):
        file.write_bytes(before)
        status, _lines, said = program("claim", *made.words, *there, "--code", own_code)
        assert (status, "Earlier keys in the file: 1" in said) == (0, True), said
    assert "--copied" in said
    status, _lines, said = program("claim", *made.words, *there, "--code", own_code, "--copied")
    assert (status, "has deleted" in said) == (0, True), said
    status, _lines, said = program("claim", *made.words, *there, "--code", own_code)
    assert (status, "Earlier keys in the file: 1" in said) == (0, True), "from the file alone"
    seal()
    assert any("earlier-key" in line for line in program("scan", *made.words, *there)[1])


def test_another_wallet_takes_the_place_of_one_whose_words_are_lost(program, claimed):
    other = claimed.folder / "other.json"
    words = ("--wallet", other, "--passphrase", claimed.folder / "passphrase")
    assert program("create", *words)[0] == 0
    there = (*words, *claimed.there, "--code", claimed.code)
    status, _lines, said = program("claim", *there)
    assert (status, "--replace" in said) == (1, True), said
    status, _lines, said = program("claim", *there, "--replace")
    assert (status, "Earlier keys in the file: 0" in said) == (0, True), said
    seal()
    lines = program("scan", *words, *claimed.there)[1]
    assert [line.split()[2] for line in lines] == ["subject.claimed"]
    status, _lines, said = program("claim", *claimed.words, *claimed.there, "--code", claimed.code)
    assert (status, "another wallet" in said) == (1, True), said


def test_the_signed_count_is_held_against_what_is_found(program, claimed):
    status, _lines, said = program("scan", *claimed.words, *claimed.there, "--code", claimed.code)
    assert (status, "signed a count of 0; found under your key: 0" in said) == (0, True), "a minute is left out"


def test_a_count_of_more_than_is_found_is_given_to_the_person(program, claimed, service):
    """As if the log had not shown an entry that the service counts."""
    subject = Subject.objects.get(id=service.grant.subject_id)
    Subject.objects.filter(id=subject.id).update(claimed_at=subject.claimed_at - timedelta(minutes=2))
    state = opened(claimed)
    log = state["logs"][subject.tenant.origin]
    log["entries"] = [each for each in log["entries"] if each["kind"] != "consent.withdrawn"]
    rewrite(claimed, state)
    status, lines, said = program("scan", *claimed.words, *claimed.there, "--code", claimed.code)
    assert (status, "1 entries were counted that are not marked for you" in said) == (1, True), said
    paper = json.loads(lines[-1])
    assert f"a count of {paper['body']['count']};" in said
    assert paper["note"].startswith("consonant/subject-count/v1\n")


def test_a_log_under_another_key_than_before_is_refused(program, claimed, service):
    origin = service.grant.subject.tenant.origin
    state = opened(claimed)
    state["logs"][origin]["vkey"] = "other+00000000+AQAA"
    rewrite(claimed, state)
    status, _lines, said = program("scan", *claimed.words, *claimed.there)
    assert (status, "another key for this log" in said) == (1, True), said


def test_it_tells_words_and_passphrase_to_nobody_but_the_person(program, claimed):
    mode = stat.S_IMODE(claimed.file.stat().st_mode)
    assert mode == 0o600
    kept = claimed.file.read_text()
    seed = opened(claimed)["seed"]
    assert seed not in kept
    for told in ("scan", "prove"):
        helped = program(told, "--help")[1]
        assert not any(word in " ".join(helped) for word in ("--words WORDS", "--passphrase PASSPHRASE"))
    assert not list(claimed.folder.glob(".wallet-*"))


def test_the_passphrase_comes_from_the_environment_and_without_a_terminal_it_says_so(program, made):
    there = ("--wallet", made.folder / "other.json")
    status, lines, _said = program("create", *there, CONSONANT_WALLET_PASSPHRASE=PASSPHRASE)
    assert (status, len(lines[0].split())) == (0, 24)
    assert program("create", "--wallet", made.folder / "short.json", CONSONANT_WALLET_PASSPHRASE="123456789")[0] == 1
    assert not (made.folder / "short.json").exists()
    scan = ("scan", *there, "--service", "http://127.0.0.1:1")
    assert "terminal" in program(*scan)[2]
    assert "does not answer" in program(*scan, CONSONANT_WALLET_PASSPHRASE=PASSPHRASE)[2]
    assert (
        program(
            "scan",
            "--wallet",
            made.folder / "none.json",
            "--service",
            "https://a",
            "--passphrase",
            made.folder / "passphrase",
        )[0]
        == 1
    )


def opened(claimed):
    return in_wheel(claimed, "import json; print(json.dumps(safe.unlock(path, passphrase).state))")


def rewrite(claimed, state):
    in_wheel(claimed, f"kept = safe.unlock(path, passphrase); kept.state = {state!r}; kept.save(); print('{{}}')")


def in_wheel(claimed, code):
    """Run a line with the wheel's own module for the file."""
    begun = (
        f"import sys; sys.path.insert(0, {str(claimed.target)!r}); from pathlib import Path; from consonant import safe"
    )
    given = f"path = Path({str(claimed.file)!r}); passphrase = {PASSPHRASE!r}"
    command = [sys.executable, "-I", "-S", "-c", f"{begun}\n{given}\n{code}"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_who_finds_the_file_changed_meanwhile_writes_nothing(claimed):
    line = """
kept, other = safe.unlock(path, passphrase), safe.unlock(path, passphrase)
other.state["mine"] = 1
other.save()
try:
    kept.save()
    print("true")
except safe.Meanwhile:
    print(int(safe.unlock(path, passphrase).state["mine"]))
"""
    assert in_wheel(claimed, line) == 1


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The wallet's page in node: opens a file and proves from it, or makes one."""
    if not shutil.which("npm"):
        pytest.skip("npm is not here, so the wallet cannot be built")
    out = tmp_path_factory.mktemp("backup")
    folder = frontend.installed()
    frontend.run(folder, "node", "build.mjs", str(out), "test/backup.ts")
    return lambda **said: json.loads(frontend.run(out, "node", "backup.mjs", said=json.dumps(said)))


def test_the_page_opens_the_programs_file_and_proves_from_it(program, page, claimed):
    ref = claimed.ref["consent.given"]
    assert program("receipt", ref, *claimed.words, *claimed.there, "--code", claimed.code)[0] == 0
    own, earlier, shown = (
        ask_for(statement="own"),
        ask_for(statement="own"),
        ask_for(statement="receipt", attributes=["day"]),
    )
    choices = [
        ([claimed.ref["consent.withdrawn"]], [], True),
        ([ref], [], False),
        ([ref], ["kind"], False),
    ]
    asked = [
        {"challenge": question, "choice": {"refs": refs, "disclosed": disclosed, "claimToo": too}}
        for question, (refs, disclosed, too) in zip((own, earlier, shown), choices, strict=True)
    ]
    said = page(file=claimed.file.read_text(), passphrase=PASSPHRASE, asked=asked)
    assert said["content"] == opened(claimed)
    for document, question in zip(said["documents"], (own, earlier, shown), strict=True):
        assert holds(document, question)
    assert len(said["documents"][0]["entries"]) == 2
    assert said["documents"][2]["disclosed"].keys() == {"kind", "day"}


def test_the_program_opens_the_pages_file_keeps_what_it_does_not_know_and_proves_from_it(program, page, claimed):
    text = json.dumps(opened(claimed) | {"later": ["and more"]})
    box = page(text=text, passphrase=PASSPHRASE)
    assert [each["kind"] for each in box["locks"]] == ["passphrase", "passkey"]
    claimed.file.write_text(json.dumps(box))
    question = ask_for(statement="own")
    words = ("prove", "-", *claimed.words, "--entries", "earlier")
    status, lines, said = program(*words, given=json.dumps(question).encode())
    assert status == 0, said
    assert holds(json.loads(lines[0]), question)
    assert program("scan", *claimed.words, *claimed.there)[0] == 0
    written = json.loads(claimed.file.read_text())
    assert written["locks"] == box["locks"], "the passkey opens it still"
    assert written["body"] != box["body"]
    assert page(file=json.dumps(written), passphrase=PASSPHRASE)["content"] == opened(claimed)
    assert opened(claimed)["later"] == ["and more"]


def test_the_words_bring_the_wallet_back_and_other_words_do_not(program, made):
    restored = made.folder / "again.json"
    (made.folder / "words").write_text(made.said)
    there = ("--wallet", restored, "--passphrase", made.folder / "passphrase", "--restore", "--words")
    assert program("create", *there, made.folder / "words")[0] == 0
    (made.folder / "wrong").write_text(" ".join(made.said.split()[::-1]))
    restored.unlink()
    status, _lines, said = program("create", *there, made.folder / "wrong")
    if status == 0:  # one in 256 reversals has a good checksum
        pytest.skip("these words belong together backwards too")
    assert "24 words" in said
    assert not restored.exists()


def test_a_file_that_is_there_is_not_replaced_and_one_under_another_passphrase_not_opened(program, made):
    assert program("create", *made.words)[0] == 1
    (made.folder / "passphrase").write_text("another passphrase")
    status, lines, said = program("scan", *made.words, "--service", "http://127.0.0.1:1")
    assert (status, lines) == (1, [])
    assert "passphrase" in said


def test_it_asks_nobody_without_https(program, made):
    status, _lines, said = program("scan", *made.words, "--service", "http://example.com")
    assert status == 1
    assert "https" in said


def test_a_code_is_good_for_its_person_and_no_other_thing(program, service, made):
    wrong = made.folder / "code"
    wrong.write_text("00000000-0000-4000-8000-000000000000:1tXXXX:forged")
    status, _lines, said = program("claim", *made.words, "--service", service.url, "--code", wrong)
    assert status == 1
    assert said
