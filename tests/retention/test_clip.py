"""What a clip says of itself: real manifests of C2PA and AIGC metadata in each place where practice puts it; what is malformed says nothing."""

import hashlib
import io
import json
import random
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import c2pa
import pytest
import soundfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from retention import clip, clip_process
from retention.credential import credential
from retention.errors import ClipBusy, ClipUnmarkable, ClipUnreadable
from tests import vectors
from tests.conftest import speech

REF = "0a1b2c3d-0000-4000-8000-00000000000f"
ADDRESS = f"https://consonant.example/api/v1/entries/{REF}"
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@cache
def signer_info():
    """A signer whose certificate has what C2PA demands, under a root that nobody trusts."""

    def certificate(subject, key, issuer, issuer_key, *, is_ca):
        def name(common):
            organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Harbour Audio")
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common), organisation])

        usage = dict.fromkeys(
            (
                "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
            ),
            False,
        )  # fmt: skip
        usage |= {"key_cert_sign": True, "crl_sign": True} if is_ca else {"digital_signature": True}
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=300))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not is_ca:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
            made = made.add_extension(authority, critical=False)
        return made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = certificate("Harbour Audio signer", leaf, "Test root", root, is_ca=False)
    chain += certificate("Test root", root, "Test root", root, is_ca=True)
    secret = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return chain, secret


def root():
    """The certificate above that signer's, PEM."""
    chain = signer_info()[0].decode()
    return chain[chain.rindex("-----BEGIN") :]


def signed_wav(*, entry=None, source=AI, remote=None, store=None):
    """A clip with a C2PA manifest, which may name an entry, or lie elsewhere; `store` gets what was signed."""
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": source}]}}
    ]
    if entry:
        assertions.append({"label": "consonant.entry", "data": {"entry": entry}})
    chain, secret = signer_info()
    manifest = {"claim_generator_info": [{"name": "Harbour TTS", "version": "1"}], "assertions": assertions}
    made = io.BytesIO()
    with c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}}) as context:
        builder = c2pa.Builder(manifest, context=context)
        if remote:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, secret, None))
        signed = builder.sign(signer, "audio/wav", io.BytesIO(speech(0.5)), made)
    if store is not None:
        store.append(signed)
    return made.getvalue()


def riff(name, data):
    data += b"\0" * (len(data) % 2)
    return name + len(data).to_bytes(4, "little") + data


def with_chunk(name, data):
    wav = speech(0.2) + riff(name, data)
    return wav[:4] + (len(wav) - 8).to_bytes(4, "little") + wav[8:]


def aigc_wav(**fields):
    """A clip with AIGC metadata in a chunk of its own."""
    return with_chunk(b"AIGC", json.dumps({"AIGC": fields}).encode())


FIELDS = {"Label": "1", "ContentProducer": "001191110102", "ProduceID": "clip-7", "ReservedCode1": ADDRESS}
META = json.dumps({"AIGC": FIELDS})
BARE = json.dumps(FIELDS)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"{}>{}</rdf:Description></rdf:RDF></x:xmpmeta>'
)


def escaped(text):
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def id3(frames):
    size = bytes(len(frames) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + frames


def frame(name, data):
    return name + len(data).to_bytes(4, "big") + b"\0\0" + data


def vorbis(comments):
    said = [f"AIGC={comments}".encode()]
    body = len(b"x").to_bytes(4, "little") + b"x" + len(said).to_bytes(4, "little")
    return body + b"".join(len(each).to_bytes(4, "little") + each for each in said)


def flac_with(comment):
    """A FLAC whose comment block is another."""
    flac = speech(0.2, kind="FLAC")
    info, place = flac[4:42], 4
    while True:
        last, size = flac[place] & 128, int.from_bytes(flac[place + 1 : place + 4], "big")
        place += 4 + size
        if last:
            break
    body = vorbis(comment)
    return b"fLaC" + bytes([info[0] & 127]) + info[1:] + b"\x84" + len(body).to_bytes(3, "big") + body + flac[place:]


def atom(name, data):
    return (8 + len(data)).to_bytes(4, "big") + name + data


def m4a_with(value):
    free = atom(b"mean", bytes(4) + b"com.apple.iTunes") + atom(b"name", bytes(4) + b"AIGC")
    free += atom(b"data", (1).to_bytes(4, "big") + bytes(4) + value.encode())
    meta = atom(b"meta", bytes(4) + atom(b"ilst", atom(b"----", free)))
    return atom(b"ftyp", b"M4A \0\0\0\0M4A ") + atom(b"moov", atom(b"udta", meta))


PNG = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d4948445200000001000000010806000000 1f15c489")


def png_with(kind, data):
    return PNG + len(data).to_bytes(4, "big") + kind + data + bytes(4)


PLACES = {
    "wav, a chunk": with_chunk(b"AIGC", META.encode()),
    "wav, INFO": with_chunk(b"LIST", b"INFO" + riff(b"AIGC", META.encode())),
    "wav, ID3": with_chunk(b"id3 ", id3(frame(b"TXXX", b"\3AIGC\0" + META.encode()))),
    "wav, XMP": with_chunk(b"_PMX", XMP.format("", f"<TC260:AIGC>{escaped(BARE)}</TC260:AIGC>").encode()),
    "mp3, TXXX": id3(frame(b"TXXX", b"\3AIGC\0" + META.encode())) + speech(0.2, kind="MP3"),
    "mp3, TXXX in UTF-16": id3(frame(b"TXXX", b"\1" + "AIGC\0".encode("utf-16") + META.encode("utf-16"))),
    "mp3, XMP": id3(frame(b"PRIV", b"XMP\0" + XMP.format(f' TC260:AIGC="{escaped(BARE)}"', "").encode())),
    "flac": flac_with(META),
    "m4a": m4a_with(META),
    "png, tEXt": png_with(b"tEXt", b"AIGC\0" + BARE.encode()),
    "png, iTXt": png_with(b"iTXt", b"AIGC\0" + bytes(4) + BARE.encode()),
    "jpeg, XMP": b"\xff\xd8\xff\xe1\0\0" + XMP.format("", f"<TC260:AIGC>{BARE}</TC260:AIGC>").encode() + b"\xff\xd9",
}


@pytest.mark.parametrize("data", PLACES.values(), ids=PLACES)
def test_aigc_metadata_in_each_place(data):
    found = clip.read(data)
    assert found.aigc == FIELDS
    assert found.manifest is None
    assert found.entries == (clip.Named("https://consonant.example", uuid.UUID(REF)),)


def test_the_fields_of_the_standard():
    assert set(clip.AIGC_FIELDS) == set(vectors.load("consent/gb45438/aigc-metadata.json")["fields"])


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "null", '{"AIGC":[]}', '{"AIGC":{"Label":1}}', '{"Other":"1"}', '{"AIGC":{"Label":""}}', "{" * 9999,
     '{"AIGC":{"Label":"\\ud800"}}', '{"AIGC":' * 5 + "1" + "}" * 5, '{"Label":"' + "x" * 70_000 + '"}', '{"Label":"\\u001b[2J"}'],
)  # fmt: skip
def test_metadata_that_is_none(text):
    assert clip.parse_aigc(text) == {}


def test_what_is_shown_is_short_and_cannot_turn_a_line_round():
    found = clip.parse_aigc(json.dumps({"ProduceID": "a\u202eb" + "x" * 1000, "Unknown": "y"}))
    assert found == {"ProduceID": ("a\ufffdb" + "x" * 1000)[: clip.MAX_TEXT]}


def test_a_manifest():
    found = clip.read(signed_wav(entry=ADDRESS))
    assert replace(found.manifest, digests={}) == clip.Manifest(
        intact=True, signer="Harbour Audio signer", generator="Harbour TTS 1", made_by_ai=True
    )
    assert found.entries == (clip.Named("https://consonant.example", uuid.UUID(REF)),)
    captured = signed_wav(source="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture")
    assert clip.read(captured).manifest.made_by_ai is False
    assert clip.read(captured).entries == ()


def test_the_digest_is_that_of_what_was_signed():
    store = []
    found = clip.read(signed_wav(store=store))
    for name, digest in found.manifest.digests.items():
        assert digest == hashlib.new(name, store[0]).hexdigest()
    assert set(found.manifest.digests) == {"sha256", "sha384", "sha512"}


def test_who_signed_is_trusted_when_the_caller_says_so():
    data = signed_wav()
    assert clip_process.read(data).manifest.trusted is False
    assert clip_process.read(data, anchors=root()).manifest.trusted is True
    assert clip_process.read(data, anchors=credential().root).manifest.trusted is False


def marked(data, entry=ADDRESS, sign=None):
    own = credential()
    with clip_process.opened(data) as reader:
        return reader.embed(entry=entry, chain=own.chain, sign=sign or own.sign)


@pytest.mark.parametrize("kind", ["WAV", "MP3", "FLAC"])
def test_a_manifest_is_embedded_that_names_the_entry_and_nobody(kind):
    sound = speech(0.5, kind=kind)
    data = marked(sound)
    found = clip_process.read(data, anchors=credential().root)
    assert found.media == clip.media_type(sound)
    assert (found.manifest.intact, found.manifest.trusted, found.manifest.made_by_ai) == (True, True, True)
    assert found.manifest.generator == "Consonant"
    assert found.entries == (clip.Named("https://consonant.example", uuid.UUID(REF)),)
    heard, before = (soundfile.read(io.BytesIO(each))[0] for each in (data, sound))
    assert (heard == before).all(), "the sound is as it was"


def test_what_a_clip_says_already_stays_in_it():
    for name in ("wav, a chunk", "wav, ID3", "mp3, TXXX", "flac"):
        found = clip.read(marked(PLACES[name]))
        assert found.aigc == FIELDS
        assert found.manifest.intact
    before = signed_wav(entry=ADDRESS.replace(REF, REF[:-1] + "0"))
    after = marked(before)
    found = clip.read(after)
    assert (found.manifest.intact, found.manifest.generator, found.manifest.made_by_ai) == (True, "Consonant", True)
    assert found.entries == (clip.Named("https://consonant.example", uuid.UUID(REF)),)
    assert b"Harbour TTS" in after


@pytest.mark.parametrize("data", [speech(0.2, kind="OGG"), b"no sound at all", signed_wav()[:3000]])
def test_what_takes_no_manifest(data):
    with pytest.raises((ClipUnmarkable, ClipUnreadable)):
        marked(data)


def test_the_process_gets_no_signature_for_anything_else(monkeypatch):
    asked = []
    data = marked(speech(0.2), sign=lambda said: asked.append(said) or credential().sign(said))
    assert clip.read(data).manifest.intact
    assert len(asked) == 1
    assert asked[0][1:].startswith(b"\x6aSignature1")
    with clip_process.opened(speech(0.2)) as reader, monkeypatch.context() as patch:
        patch.setattr(reader, "_hear", lambda: (b"S", b"any other text"))
        with pytest.raises(ClipUnreadable):
            reader.embed(entry=ADDRESS, chain=credential().chain, sign=pytest.fail)


@pytest.mark.parametrize(
    "address", [REF, ADDRESS + "/proof", "see " + ADDRESS, ADDRESS + "?x", "ftp" + ADDRESS, ADDRESS.upper()]
)
def test_only_a_whole_address_names_an_entry(address):
    assert clip.read(signed_wav(entry=address)).entries == ()
    assert clip.read(aigc_wav(ProduceID=address)).entries == ()


def test_a_changed_file_or_manifest():
    good = signed_wav(entry=ADDRESS)
    sound, claim = 500, good.index(b"Harbour TTS")
    for place in (sound, claim):
        bad = bytearray(good)
        bad[place] ^= 1
        found = clip.read(bytes(bad))
        assert found.manifest.intact is False
        assert found.manifest.made_by_ai is False, "what does not hold says nothing"
        assert found.entries == ()
    assert clip.read(good[: good.index(b"jumb") + 40]).manifest == clip.Manifest(intact=False)


def test_a_manifest_that_lies_elsewhere_is_not_fetched():
    found = clip.read(signed_wav(remote="http://127.0.0.1:9/manifest.c2pa"))
    assert (found.manifest, found.elsewhere) == (None, True)


def test_a_file_without_marks_and_what_is_none():
    for kind in ("WAV", "FLAC", "OGG", "MP3"):
        found = clip.read(speech(0.2, kind=kind))
        assert (found.manifest, found.elsewhere, found.aigc, found.entries) == (None, False, {}, ())
    for data in (b"", b"RIFF", b"hello", b"%PDF-1.7", b"PK\3\4", b"<svg/>", b"RIFF\0\0\0\0AVI "):
        assert clip.read(data) is None
        assert clip_process.read(data) is None


def test_what_is_written_down_is_read_back():
    for data in (signed_wav(entry=ADDRESS), aigc_wav(**FIELDS), speech(0.1), b"nothing", signed_wav()[:-2000]):
        assert clip.load(clip.dump(clip.read(data))) == clip.read(data)
        assert clip_process.read(data) == clip.read(data)


def test_nothing_that_is_changed_at_will_raises():
    dice = random.Random(45438)
    seeds = [signed_wav(entry=ADDRESS), *PLACES.values(), speech(0.1, kind="OGG")]
    start = time.monotonic()
    for _ in range(1500):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.choice([1, 2, 8, 40])):
            near = dice.random() < 0.6
            data[dice.randrange(min(600, len(data)) if near else len(data))] = dice.choice(
                [0, 255, dice.randrange(256)]
            )
        if dice.random() < 0.2:
            del data[dice.randrange(len(data)) :]
        clip.read(bytes(data))
    assert time.monotonic() - start < 60


def test_a_file_that_takes_too_long_harms_nobody(monkeypatch):
    monkeypatch.setattr(clip_process, "SECONDS", 0.5)
    with pytest.raises(ClipUnreadable):
        clip_process.read(b"RIFF\xf0\xff\x7f\x00WAVE" + bytes(2**23))
    monkeypatch.setattr(clip_process, "_WAIT_SECONDS", 0.05)
    taken = [clip_process._room_to_look.acquire(timeout=1) for _ in range(clip_process.AT_ONCE)]
    try:
        with pytest.raises(ClipBusy):
            clip_process.read(speech(0.1))
    finally:
        for _ in taken:
            clip_process._room_to_look.release()
    assert all(taken)


def limited(program, **more):
    """Run a program under the limits of the process that reads clips."""
    return subprocess.run(
        [sys.executable, "-c", f"from retention import clip_process\n{program}"],
        cwd=vectors.PROJECT,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        **more,
    )


def test_it_may_not_take_all_memory():
    done = limited("clip_process.limit()\nbytes(2**30)")
    assert "MemoryError" in done.stderr
    assert limited("bytes(2**30)").returncode == 0


def test_it_may_not_work_for_long():
    done = limited("clip_process.SECONDS = 1\nclip_process.limit()\nwhile True: pass")
    assert done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}


def test_it_may_not_write_a_file_nor_leave_one_when_it_crashes(tmp_path):
    path = tmp_path / "written"
    done = limited(f"clip_process.limit()\nwith open({str(path)!r}, 'w') as file: file.write('x')")
    assert "File too large" in done.stderr
    assert path.read_text() == ""
    assert (
        limited("import resource\nclip_process.limit()\nprint(resource.getrlimit(resource.RLIMIT_CORE))").stdout
        == "(0, 0)\n"
    )


def test_it_is_the_last_to_be_served_and_the_first_to_go():
    done = limited("import os\nclip_process.limit()\nprint(os.nice(0), open('/proc/self/oom_score_adj').read())")
    assert done.stdout.split() == ["19", "1000"]


def test_the_reader_is_limited():
    """What the tests above show is what the program itself does before it reads."""
    program = """
of = clip_process.resource
clip_process.clip.read = lambda data, anchors: print(clip_process.os.nice(0), of.getrlimit(of.RLIMIT_NOFILE), data)
clip_process.main()"""
    assert limited(program, input="\0\0\0\6Dhello\0\0\0\1R").stdout == "\0\0\0\5Anull19 (3, 3) b'hello'\n"


@pytest.mark.parametrize(
    "program",
    ["open('/etc/passwd')", "open(clip_process.__file__)", "import socket; socket.socket()", "import os; os.pipe()",
     "import wave"],
)  # fmt: skip
def test_it_can_open_nothing(program):
    """Nor can anything that got hold of it: not the service's keys, and not a way out."""
    done = limited(f"clip_process.close_off()\n{program}")
    assert done.returncode == 1
    assert "Too many open files" in done.stderr or "ModuleNotFoundError" in done.stderr, done.stderr


def test_whoever_looks_takes_no_place_of_who_records():
    taken = [clip_process._room_to_look.acquire(timeout=1) for _ in range(clip_process.AT_ONCE)]
    try:
        assert clip.read(marked(speech(0.1))).manifest.intact
    finally:
        for _ in taken:
            clip_process._room_to_look.release()
    assert all(taken)


@pytest.mark.parametrize("said", [b"", b"[]", b"{", b'{"media": 1}', b'{"manifest": {"x": 1}, "entries": []}', b"7"])
def test_a_process_that_says_nonsense_is_not_believed(monkeypatch, said):
    with clip_process.opened(speech(0.1)) as reader, monkeypatch.context() as patch:
        patch.setattr(reader, "_hear", lambda: (b"A", said))
        with pytest.raises(ClipUnreadable):
            reader.read()


def test_made_by_ai_is_what_an_action_says():
    """Not a text somewhere in it."""
    captured = AI.replace("trainedAlgorithmicMedia", "digitalCapture")
    said = signed_wav(entry="https://cv.iptc.org/x/trainedAlgorithmicMedia", source=captured)
    found = clip.read(said)
    assert (found.manifest.intact, found.manifest.made_by_ai) == (True, False)
