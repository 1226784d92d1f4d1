"""`consonant verify clip`, by the wheel alone, on clips that the service marked and on others."""

import subprocess
import sys

import pytest

from retention import clip_process
from retention.credential import credential
from tests.conftest import speech
from tests.retention.test_clip import ADDRESS, aigc_wav, root, signed_wav
from tests.sdk.conftest import parsed


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """A clip as the vault keeps it, and the certificate that the service publishes."""
    folder = tmp_path_factory.mktemp("clip")
    own = credential()
    with clip_process.opened(speech(0.3)) as reader:
        data = reader.embed(entry=ADDRESS, chain=own.chain, sign=own.sign)
    (folder / "clip.wav").write_bytes(data)
    (folder / "root.pem").write_text(own.root)
    (folder / "other.pem").write_text(root())
    return folder


def test_who_marked_it_and_which_entry_it_names(consonant, marked):
    status, lines = consonant("verify", "clip", marked / "clip.wav", "--trusted", marked / "root.pem")
    assert status == 0
    assert [line.split(":")[:2] for line in lines] == [
        ["ok", " clip.manifest"], ["ok", " clip.signer"], ["warning", " clip.entry"],
    ]  # fmt: skip
    assert "made by AI" in lines[0]
    assert ADDRESS in lines[2]


def test_without_a_certificate_the_signer_is_as_it_says_and_by_another_it_is_not_trusted(consonant, marked):
    data = (marked / "clip.wav").read_bytes()
    status, lines = consonant("verify", "clip", "-", "--json", given=data)
    assert status == 0
    assert parsed(lines)[1] == ("warning", "clip.signer", None)
    status, lines = consonant("verify", "clip", marked / "clip.wav", "--json", "--trusted", marked / "other.pem")
    assert status == 1
    assert parsed(lines)[1] == ("error", "clip.signer", None)


@pytest.mark.parametrize(
    ("data", "status", "what"),
    [
        (b"no sound", 1, ["clip.unknown"]),
        (speech(0.1), 1, ["clip.unmarked"]),
        (aigc_wav(Label="1", ProduceID="clip-7"), 0, ["clip.aigc"]),
        (signed_wav()[:400] + b"x" + signed_wav()[401:], 1, ["clip.manifest"]),
    ],
    ids=["none", "unmarked", "aigc", "changed"],
)
def test_other_clips(consonant, data, status, what):
    got, lines = consonant("verify", "clip", "-", "--json", given=data)
    assert (got, [each[1] for each in parsed(lines)]) == (status, what)


def test_without_what_reads_clips_it_says_what_is_missing(consonant, target, marked):
    script = target / "without.py"
    script.write_text(
        (target / "start.py").read_text().replace("import sys\n", "import sys\nsys.modules['c2pa'] = None\n", 1)
    )
    command = [sys.executable, "-I", "-S", str(script), "verify", "clip", str(marked / "clip.wav")]
    done = subprocess.run(command, capture_output=True, check=False, cwd=target)
    assert done.returncode == 2
    assert b"[clip]" in done.stderr
