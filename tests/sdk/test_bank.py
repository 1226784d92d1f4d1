"""The bank profile: SM4-GCM under one key a session, keys behind PKCS#11, a certificate, and processors."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from retention.models import Disclosure
from tests.keyring.conftest import SOFTHSM, softhsm  # noqa: F401 - a fixture
from tests.retention.test_processors import registered

SECRET = b"what both ends share"
FRAME = b"32 ms of sound" * 70


@pytest.fixture
def bank(sdk_path):
    from consonant import bank

    return bank


def pair(bank, session="session-1"):
    secret = bank.SharedSecret(SECRET)
    return bank.SessionKey(secret, session), bank.SessionKey(secret, session, is_caller=False)


def test_s2_6_the_cipher_is_that_of_rfc_8998():
    """Appendix A.1: what everything here rests on."""
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    sealing = Cipher(algorithms.SM4(key), modes.GCM(bytes.fromhex("00001234567800000000ABCD"))).encryptor()
    sealing.authenticate_additional_data(bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2"))
    text = b"".join(bytes([each]) * 8 for each in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
    sealed = sealing.update(text) + sealing.finalize()
    assert sealed.hex().startswith("17f399f08c67d5ee19d0dc9969c4bb7d")
    assert sealing.tag.hex() == "83de3541e4c2b58177e065a9bf7b62ec"


def test_s2_6_one_key_a_session_and_no_nonce_twice(bank):
    caller, other = pair(bank)
    sealed = [caller.seal(FRAME) for _ in range(100)] + [other.seal(FRAME) for _ in range(100)]
    assert len({each[:12] for each in sealed}) == 200
    assert len({each[12:] for each in sealed}) == 200
    assert [other.open(each) for each in sealed[:100]] == [FRAME] * 100
    assert [caller.open(each) for each in sealed[100:]] == [FRAME] * 100
    stranger = pair(bank, "session-2")[1]
    with pytest.raises(bank.BadFrame):
        stranger.open(sealed[0])


@pytest.mark.parametrize("change", ["repeated", "skipped", "bit", "short", "reflected"])
def test_s2_6_only_the_next_frame_opens(bank, change):
    caller, other = pair(bank)
    first, second = caller.seal(FRAME), caller.seal(FRAME)
    if change == "repeated":
        other.open(first)
    bad = {
        "repeated": first,
        "skipped": second,
        "bit": first[:-1] + bytes([first[-1] ^ 1]),
        "short": first[:20],
        "reflected": other.seal(FRAME),
    }[change]
    with pytest.raises(bank.BadFrame):
        other.open(bad)
    assert other.open(second if change == "repeated" else first) == FRAME


def test_s2_6_the_key_dies_with_the_session(served, bank):
    grant = served.consent()
    with served.client() as client:
        with client.grant(grant) as use:
            key = bank.SessionKey.of(use, bank.SharedSecret(SECRET))
            kept = key._key
            assert (
                bank.SessionKey(bank.SharedSecret(SECRET), use.session, is_caller=False).open(key.seal(FRAME)) == FRAME
            )
        for call in (key.seal, key.open):
            with pytest.raises(bank.KeyGone):
                call(FRAME)
        assert kept == bytes(16)
        with client.grant(grant) as use:
            assert bank.SessionKey.of(use, bank.SharedSecret(SECRET))._key != kept


@pytest.mark.skipif(SOFTHSM is None, reason="SoftHSM is not installed (apt install softhsm2)")
def test_s2_7_the_secret_stays_in_the_token(bank, softhsm, tmp_path):  # noqa: F811
    import pkcs11

    found = softhsm("bank")
    with pkcs11.lib(found["module"]).get_token(token_label="bank").open(user_pin="5678", rw=True) as session:
        session.create_object(
            {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
                pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.GENERIC_SECRET,
                pkcs11.Attribute.LABEL: "voice",
                pkcs11.Attribute.VALUE: SECRET * 2,
                pkcs11.Attribute.SIGN: True,
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
                pkcs11.Attribute.TOKEN: True,
            }
        )
    token = bank.TokenSecret(label="voice", **found)
    caller = bank.SessionKey(token, "session-1")
    other = bank.SessionKey(bank.SharedSecret(SECRET * 2), "session-1", is_caller=False)
    assert other.open(caller.seal(FRAME)) == FRAME
    assert not any(SECRET in str(value).encode() for value in vars(token).values())


@pytest.mark.parametrize("missing", ["CONSONANT_CLIENT_CERT", "CONSONANT_CLIENT_KEY", None])
def test_s2_6_a_banks_app_shows_a_certificate(bank, tmp_path, missing):
    from consonant import Misconfigured

    env = {
        "CONSONANT_URL": "https://bank.example" if missing else "http://127.0.0.1:1", "CONSONANT_CLIENT_ID": "a", "CONSONANT_CLIENT_SECRET": "b",
        "CONSONANT_STATE": str(tmp_path), "CONSONANT_CLIENT_CERT": "c.pem", "CONSONANT_CLIENT_KEY": "k.pem",
    }  # fmt: skip
    env.pop(missing, None)
    with pytest.raises(Misconfigured):
        bank.client_of(env)
    if missing is None:
        assert bank.client_of(env | {"CONSONANT_URL": "https://bank.example"}).settings.certificate == "c.pem"


def test_s2_2_what_goes_to_a_recogniser_is_entered_first_and_stands_open_until_it_attests(served, bank, clip):
    from consonant import NotAllowed, Rejected

    grant = served.consent()
    with served.client() as client, client.grant(grant) as use:
        assert bank.processors(client) == {}
        upload = use.upload(clip)
        with pytest.raises(Rejected):
            bank.disclosed(client, upload.id, "01a1fc84-0000-7000-8000-000000000000")
        one = registered(served.app).processor
        assert [each["name"] for each in bank.processors(client).values()] == ["Far Away Speech"]
        assert bank.unattested(client, upload.id) == []
        said = bank.disclosed(client, upload.id, str(one.id))
        assert [each["id"] for each in bank.unattested(client, upload.id)] == [said["id"]]
        Disclosure.objects.update(state="done_signed")
        assert bank.unattested(client, upload.id) == []
        served.switch_off(grant)
        with pytest.raises((NotAllowed, Rejected)):  # it may not go there any more, or is gone already
            bank.disclosed(client, upload.id, str(one.id))
    assert Disclosure.objects.count() == 1
