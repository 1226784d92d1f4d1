"""The client and the grant against a real service over real HTTP: ask, use, record, refuse, go away, come back."""

import asyncio
import logging
import time

import pytest
from django.utils import timezone

from ledger.models import Entry
from retention.models import Artifact
from tests.conftest import kinds, speech

MARK = {"kind": "watermark", "watermark_id": "wm-1"}


def test_ask_use_record_and_prove(served, tmp_path):
    clip = tmp_path / "out.wav"
    with served.client() as client:
        asked = client.ask("user-1", "voice-cloning", ["upload", "embed", "synthesize"], "P30D")
        assert (asked.state, asked.grant) == ("requested", None)
        assert client.grant_of("user-1", "voice-cloning") is None
        grant = served.answer(asked)
        assert client.answer(asked).grant == grant == client.grant_of("user-1", "voice-cloning")
        with client.grant(subject_ref="user-1", purpose="voice-cloning") as use:
            up = use.upload(speech(), ttl="PT8S")
            emb = use.embed(dimensions=192, derived_from=[up], model="resemblyzer")
            clip.write_bytes(speech())
            out = use.synthesize(clip, derived_from=[up, emb], duration_ms=1000, sample_rate=16_000)
            assert [each.standing for each in (up, emb, out)] == ["permitted"] * 3
        served.seal()
        assert use.receipts[1:] == [up.entry, emb.entry, out.entry]
        assert client.proof(out.entry).startswith("c2sp.org/tlog-proof@v1\n")
    found = Artifact.objects.get(id=out.id)
    assert (found.custody, found.places.count(), found.marking) == ("app", 1, "c2pa")
    assert [str(each.id) for each in found.parents.all()] == sorted([up.id, emb.id])
    assert Entry.objects.count() >= 5
    assert "session.closed" in kinds()


def test_s1_4_a_voice_is_enrolled_only_after_its_consent_was_verified(served):
    """What would enrol does not run: not without consent, not for another operation, not after a withdrawal."""
    from consonant import NotAllowed, Subject

    enrolled = []
    with served.client() as client:

        @client.gated("voice-cloning", ("embed",), lambda user: user)
        def enrol(user):
            enrolled.append(user)

        with pytest.raises(NotAllowed) as missing:
            enrol("user-1")
        assert missing.value.reason == "consent_missing"
        grant = served.consent(operations=("upload", "synthesize"))
        with pytest.raises(NotAllowed) as other:
            enrol("user-1")
        assert other.value.reason == "operation_not_covered"
        with pytest.raises(NotAllowed):
            enrol(Subject())
        wider = served.consent()
        enrol("user-1")
        served.switch_off(grant)
        served.switch_off(wider)
        with pytest.raises(NotAllowed) as withdrawn:
            enrol("user-1")
        assert withdrawn.value.reason == "consent_withdrawn"
    assert enrolled == ["user-1"]


def test_allow_once_is_one_use(served):
    from consonant import NotAllowed

    with served.client() as client:
        grant = served.consent(choice="once")
        with client.grant(grant) as use:
            use.embed(dimensions=192)
        with pytest.raises(NotAllowed) as refused, client.grant(grant):
            pytest.fail("opened twice")
    assert refused.value.reason == "uses_exhausted"
    assert refused.value.cure


def test_residue_and_caches_go_whatever_happens(served, tmp_path):
    left, folder, cleared = tmp_path / "ref.wav", tmp_path / "parts", []
    with served.client() as client:
        grant = served.consent()

        def fail_to_clear():
            raise OSError

        with pytest.raises(ZeroDivisionError), client.grant(grant) as use:  # noqa: PT012
            use.residue(left).write_bytes(b"sound")
            use.residue(folder).mkdir()
            (folder / "part").write_bytes(b"sound")
            use.on_exit(lambda: cleared.append(1))
            use.on_exit(fail_to_clear)
            raise ZeroDivisionError
        assert not left.exists()
        assert not folder.exists()
        assert cleared == [1]
        from consonant import NotAllowed, ResidueLeft

        with pytest.raises(RuntimeError), use:
            pytest.fail("one grant was used twice")
        with pytest.raises(ResidueLeft), client.grant(grant) as use:
            use.on_exit(fail_to_clear)
        with pytest.raises(NotAllowed):
            use.ensure()


def test_a_link_in_the_residue_is_unlinked_and_not_followed(served, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "mine").write_bytes(b"")
    with served.client() as client, client.grant(served.consent()) as use:
        use.residue(tmp_path / "link").symlink_to(kept)
    assert (kept / "mine").exists()
    assert not (tmp_path / "link").is_symlink()


def test_switched_off_while_running(served, tmp_path):
    """A generator gives out nothing more, its session is over, and what was made later has to go."""
    from consonant import NotAllowed

    grant, given, clip = served.consent(), [], tmp_path / "late.wav"
    with served.client() as client:

        @client.gated("voice-cloning", ("synthesize",), lambda: "user-1", use="use")
        def stream(use=None):
            for number in range(100):
                time.sleep(0.3)
                yield number

        chunks = stream()
        assert "session.opened" not in kinds(), "nothing is asked before the first chunk is"
        given.append(next(chunks))
        served.switch_off(grant)
        with pytest.raises(NotAllowed) as off:
            given.extend(chunks)
        assert off.value.reason == "consent_withdrawn"
        assert len(given) <= 5
        grant = served.consent(ref="user-1")
        with client.grant(grant) as use:
            served.switch_off(grant)
            clip.write_bytes(speech())
            with pytest.raises(NotAllowed):
                use.synthesize(clip, mark=MARK)
            assert not clip.exists()
            with pytest.raises(NotAllowed):
                use.ensure()
    assert "use.unpermitted" in kinds()


def test_a_closed_generator_closes_its_session(served):
    served.consent()
    with served.client() as client:

        class Model:
            @client.gated("voice-cloning", ("synthesize",), lambda self: self.user)
            def stream(self):
                return (yield from range(2))

            user = "user-1"

        assert list(Model().stream()) == [0, 1]
        assert kinds().count("session.closed") == 1
        chunks = Model().stream()
        next(chunks)
        assert kinds().count("session.closed") == 1
        chunks.close()
        assert kinds().count("session.closed") == 2
        with pytest.raises(TypeError):

            @client.gated("voice-cloning")
            async def speak():
                pass


def test_work_that_would_begin_after_the_session_is_not_given_back(served):
    from consonant.adapters.gradio import governed

    ran, grant = [], served.consent()

    def chunks():
        ran.append(1)
        yield 1

    async def spoken():
        ran.append(2)

    with served.client() as client:
        from consonant import Subject

        words = {"subject": lambda: Subject(grant_id=grant), "operations": ("synthesize",)}
        for lazy in (lambda: chunks(), lambda: spoken()):  # noqa: PLW0108 - a function that is no generator itself
            with pytest.raises(TypeError):
                client.gated(**words)(lazy)()
            with pytest.raises(TypeError):
                governed(client, lazy, **words)()
        with pytest.raises(TypeError):
            governed(client, spoken, **words)
    assert ran == []


def test_the_service_away_means_no(served):
    from consonant import NotAllowed, Unavailable

    grant = served.consent()
    with served.client() as client:
        assert client.grant_of("user-1", "voice-cloning") == grant
        served.go_away()
        began = time.monotonic()
        with pytest.raises(Unavailable), client.grant(grant):
            pytest.fail("opened without the service")
        assert time.monotonic() - began < 7
        with pytest.raises(Unavailable):
            client.ask("user-2", "voice-cloning", ["upload"])
        served.begin()
        with client.grant(grant) as use:
            served.go_away()
            use._looked = 0.0
            with pytest.raises(Unavailable):
                use.ensure()
            served.begin()
            use.ensure()
        with pytest.raises(NotAllowed):
            use.ensure()


def test_async_does_the_same(served, tmp_path):
    from consonant import AsyncClient, NotAllowed

    clip = tmp_path / "out.wav"
    grant = served.consent()

    async def work():
        async with AsyncClient(served.settings()) as client:

            @client.gated("voice-cloning", ("synthesize",), lambda: "user-1")
            async def stream():
                for number in range(3):
                    yield number

            @client.gated("voice-cloning", ("embed",), lambda: "nobody")
            async def enrol():
                pytest.fail("it ran")

            async with client.grant(grant) as use:
                up = await use.upload(speech(), ttl="PT8S")
                emb = await use.embed(dimensions=192, derived_from=[up])
                clip.write_bytes(speech())
                await use.synthesize(clip, derived_from=[emb])
                await use.ensure()
            assert [each async for each in stream()] == [0, 1, 2]
            with pytest.raises(NotAllowed):
                await enrol()
            with pytest.raises(NotAllowed):
                await use.ensure()
            return use.receipts

    assert len(asyncio.run(work())) == 4
    assert kinds().count("session.closed") == 2


def test_credentials_that_are_not_taken(served):
    from dataclasses import replace

    from consonant import Client, Misconfigured, Rejected

    with Client(replace(served.settings(), client_secret="another")) as client, pytest.raises(Rejected) as error:
        client.grants("user-1")
    assert "another" not in str(error.value)
    with pytest.raises(Misconfigured):
        replace(served.settings(), url="http://consent.example.org")
    assert "the-secret" not in repr(served.settings()) + repr(client.login)


def test_s0_6_logs_hold_no_embedding_no_path_and_nobody(served, tmp_path, caplog):
    """All that the SDK and the libraries under it log at the lowest level, through a use that works, one that waits and one refused."""
    from consonant import NotAllowed, Unavailable

    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "consonant"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    clip = tmp_path / "a-tell-tale-name.wav"
    grant = served.consent(ref="somebody-known")
    with served.client() as client:
        client.grants("somebody-known")
        with client.grant(subject_ref="somebody-known", purpose="voice-cloning") as use:
            clip.write_bytes(speech())
            use.embed(dimensions=192, files=[clip])
            served.go_away()
            use.synthesize(clip, mark=MARK)
            with pytest.raises(Unavailable):
                client.grants("somebody-known")
            served.begin()
        client.flush()
        served.switch_off(grant)
        with pytest.raises(NotAllowed), client.grant(grant):
            pass
    told = "\n".join(
        f"{each.name} {each.getMessage()} {each.__dict__}"
        for each in caplog.records
        if each.name.startswith(("http", "consonant"))
    )
    assert "queued records" in told or "httpcore" in told
    for secret in ("tell-tale", "somebody-known", "user-1", str(tmp_path), "the-secret-of-a-test-app", "wm-1"):
        assert secret not in told
    on_disk = b"".join(each.read_bytes() for each in served.state.rglob("*") if each.is_file())
    for secret in (b"tell-tale", b"somebody-known", b"wm-1"):
        assert secret not in on_disk


def test_two_voices_the_vault_and_a_moved_clip(served, tmp_path):
    """An emotion prompt is a second person; the vault takes the bytes; a moved clip is told of before it moves."""
    from consonant.places import host_key, place_of

    from consent.allow import allow
    from tests.factories import UserFactory

    other = UserFactory()
    first = served.consent()
    with served.client() as client:
        asked = client.ask("user-2", "voice-cloning", ["upload", "synthesize"], "P30D")
        token = asked.url.rpartition("/consent/")[2].strip("/")
        second = allow(token=token, user=other, choice="term", locale="en", now=timezone.now())
        clip, moved = tmp_path / "duet.wav", tmp_path / "kept" / "duet.wav"
        moved.parent.mkdir()
        with client.grant(first) as one, client.grant(str(second.id)) as two:
            clip.write_bytes(speech())
            duet = one.synthesize(clip, mark=MARK, with_sessions=[two])
            client.tell_place(duet.id, moved)
            clip.rename(moved)
            kept = one.synthesize(moved, custody="vault")
        assert client.held.paths(duet.id) == sorted(map(str, (clip, moved)))
        assert client.artifact(kept.id)["custody"] == "vault"
        assert client.held.paths(kept.id) == []
        assert not moved.exists(), "what the vault has, and erases, stays nowhere else"
    places = {bytes(each.mark).hex() for each in Artifact.objects.get(id=duet.id).places.all()}
    assert places == {place_of(host_key(served.state), each) for each in (clip, moved)}
    assert Artifact.objects.filter(kind="synthesis", custody="app").count() == 2


def test_what_was_asked_and_not_allowed_opens_nothing(served):
    from consonant import NotAllowed

    with served.client() as client:
        asked = client.ask("user-1", "voice-cloning", ["upload"])
        with pytest.raises(NotAllowed) as refused:
            client.grant(asked)
        assert refused.value.reason == "consent_requested"
        with pytest.raises(TypeError):
            client.grant()
