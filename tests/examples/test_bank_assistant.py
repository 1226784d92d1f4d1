"""The bank's assistant in the terminal, on speech of flite, against a running service: what leaves the device, and what does not."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from django.utils import timezone

from consent.allow import allow
from consent.queries import newest_notice
from ledger.models import Opening
from retention.models import Artifact
from tests.factories import AppFactory
from tests.sdk.conftest import sdk_path, served, target, wheel
from tests.stack.service import PROJECT

__all__ = ["sdk_path", "served", "target", "wheel"]
pytestmark = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not here")
SECRET = b"what device and bank share, long enough"


def say(path, *parts, voice="slt", pitch=190):
    """Have flite say some sentences with a second of silence behind each, at 16 kHz."""
    sounds = []
    for number, text in enumerate(parts):
        part = path.with_name(f"part{number}.wav")
        command = ["flite", "-voice", voice, "--setf", f"int_f0_target_mean={pitch}", "-t", text, "-o", str(part)]
        subprocess.run(command, check=True)
        samples, rate = soundfile.read(part, dtype="int16")
        assert rate == 16_000
        part.unlink()
        sounds += [samples, np.zeros(rate, dtype=np.int16)]
    soundfile.write(path, np.concatenate(sounds), 16_000)
    return path


@pytest.fixture
def bank(served):
    """The service, with a bank's app."""
    served.app = AppFactory(tenant=served.app.tenant, purposes=["speaker-verification"])
    return served


@pytest.fixture
def assistant(bank, target, tmp_path):
    """Run it as a customer does; return its exit status and its lines."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{target}:{PROJECT}",
        "CONSONANT_URL": bank.url,
        "CONSONANT_CLIENT_ID": bank.settings().client_id,
        "CONSONANT_CLIENT_SECRET": bank.settings().client_secret,
        "CONSONANT_STATE": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    (tmp_path / "tmp").mkdir()

    def run(wav, customer="customer-1"):
        command = [sys.executable, "-m", "examples.bank_assistant", "--customer", customer, "--secret", str(secret)]
        done = subprocess.run(
            [*command, "--wav", str(wav)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()

    return run


@pytest.fixture
def allowed(bank):
    """The customer has allowed it."""
    with bank.client() as client:
        asked = client.ask("customer-1", "speaker-verification", ["embed"], "P30D")
    token = asked.url.rpartition("/consent/")[2].strip("/")
    # To recognise somebody by their voice takes an answer to a screen that is kept.
    notice = newest_notice(app_id=bank.app.id, purpose_id="speaker-verification", locale="en")
    read = {"notice_id": notice.id, "screen": "<p>My bank may use my voice.</p>"}
    return allow(token=token, user=bank.user, choice="term", locale="en", now=timezone.now(), **read)


def test_a_customer_is_understood_and_the_password_never_leaves(assistant, allowed, tmp_path):
    plain = say(tmp_path / "plain.wav", "What is my balance?")
    code, lines = assistant(plain)
    assert (code, lines[:2]) == (0, ["understood: balance", "muted before it left: 0.0 s"])
    entries = lines[2].removeprefix("entered: ").split()
    kinds = set(Opening.objects.filter(ref__in=entries).values_list("kind", flat=True))
    assert kinds == {"session.opened", "artifact.recorded"}
    assert list(Artifact.objects.values_list("kind", "custody")) == [("features", "none")]

    secret = say(tmp_path / "secret.wav", "What is my balance?", "My password is tulip garden seven.")
    code, lines = assistant(secret)
    assert code == 0
    muted = float(re.fullmatch(r"muted before it left: ([\d.]+) s", lines[1])[1])
    assert muted > 1
    assert lines[0] == "understood: balance", "what was muted is silence to the bank"
    sounds = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"RIFF"]
    assert sorted(sounds) == sorted([plain, secret]), "nothing was written but what was given"


def test_what_goes_to_the_bank_is_sealed_features_and_no_sound(bank, allowed, tmp_path):
    """The bank's end is replaced by one that keeps what it is given: opened, it is 13 numbers for each hundredth of a second."""
    from consonant.bank import SessionKey, SharedSecret

    from examples.bank_assistant import device

    kept, session = tmp_path / "kept", tmp_path / "session"
    keep = f"import sys; open({str(kept)!r}, 'wb').write(sys.stdin.buffer.read()); open({str(session)!r}, 'w').write(sys.argv[1])"
    wav = say(tmp_path / "talk.wav", "Please block my card at once.")
    with bank.client() as client:
        answer = device.talk(
            client,
            subject_ref="customer-1",
            secret=SECRET,
            sound=device.from_file(wav),
            desk=[sys.executable, "-c", keep],
        )
    assert answer.understood == ""
    data = kept.read_bytes()
    samples, _ = soundfile.read(wav, dtype="int16")
    end, rows, at = SessionKey(SharedSecret(SECRET), session.read_text(), is_caller=False), [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        rows.append(np.frombuffer(end.open(data[at + 4 : at + 4 + size]), dtype="<f4").reshape(-1, 13))
        at += 4 + size
    rows = np.concatenate(rows)
    assert abs(len(rows) - len(samples) / 160) < 8
    assert np.isfinite(rows).all()
    assert samples[8_000:8_400].tobytes() not in data


def test_without_consent_nothing_is_listened_to(bank):
    from consonant import NotAllowed

    from examples.bank_assistant import device

    def sound():
        raise AssertionError("somebody listened")
        yield

    with bank.client() as client, pytest.raises(NotAllowed):
        device.talk(client, subject_ref="nobody", secret=SECRET, sound=sound(), desk=["false"])
    assert not Opening.objects.filter(kind="artifact.features").exists()
