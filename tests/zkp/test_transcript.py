"""The Fiat-Shamir transformation, against the draft's vectors; its example protocol, sumcheck, is played here."""

import pytest

from tests import vectors
from zkp.core import transcript
from zkp.core.errors import InvalidScalar

FOLDER = "zkp/sigma-proofs/"
MERSENNE = 2**31 - 1


def records(name):
    if not (vectors.folder() / FOLDER / name).exists():
        return [pytest.param(None, id="absent")]
    return [pytest.param(each, id=each["Id"]) for each in vectors.load(FOLDER + name)]


def number(said):
    return said if isinstance(said, int) else int(said, 16)


def played(record):
    """The squeezed bytes of a record's operations."""
    sponge = transcript.DuplexSponge(bytes.fromhex(record["SessionId"]))
    made = b""
    for step in record["Operations"]:
        if step["type"] == "absorb":
            sponge.absorb(bytes.fromhex(step["data"]))
        else:
            made += sponge.squeeze(step["length"])
    return made


def started(record, claimed):
    sponge = transcript.DuplexSponge(bytes.fromhex(record["SessionId"]))
    rounds = transcript.serialize_uint(record["NumVariables"], 2**32)
    sponge.absorb(rounds + transcript.serialize_uint(claimed, MERSENNE))
    return sponge


def drawn(sponge):
    return int.from_bytes(sponge.squeeze(4), "little") % MERSENNE


def sumcheck_prove(record):
    table = list(record["Witness"])
    sponge, narg = started(record, sum(table) % MERSENNE), b""
    while len(table) > 1:
        zero, one = sum(table[::2]) % MERSENNE, sum(table[1::2]) % MERSENNE
        said = b"".join(transcript.serialize_uint(each, MERSENNE) for each in (zero, (one - zero) % MERSENNE))
        sponge.absorb(said)
        narg, by = narg + said, drawn(sponge)
        table = [(low + by * (high - low)) % MERSENNE for low, high in zip(table[::2], table[1::2], strict=True)]
    return narg, table[0]


def sumcheck_verify(record):
    """The last claim, or an error."""
    claim, rest = number(record["ClaimedSum"]), bytes.fromhex(record["Narg"])
    sponge = started(record, claim)
    for _ in range(record["NumVariables"]):
        said = rest[:8]
        zero, rest = transcript.deserialize_uint(rest, MERSENNE)
        slope, rest = transcript.deserialize_uint(rest, MERSENNE)
        if (2 * zero + slope) % MERSENNE != claim:
            raise ValueError("the claim does not hold")
        sponge.absorb(said)
        claim = (zero + slope * drawn(sponge)) % MERSENNE
    if rest:
        raise ValueError("something is over")
    return claim


def field(data, record):
    """DeserializeField: each coordinate of its own."""
    made = []
    for _ in range(record["ExtensionDegree"]):
        value, data = transcript.deserialize_uint(data, number(record["Modulus"]))
        made.append(value)
    assert not data
    return made


RUN = {
    "SerializeVarLenString": lambda r: transcript.serialize_var_len(bytes.fromhex(r["Input"])).hex() == r["Output"],
    "DeserializeVarLenString": lambda r: transcript.deserialize_var_len(bytes.fromhex(r["Input"])),
    "SerializeUint": lambda r: transcript.serialize_uint(number(r["Value"]), number(r["Modulus"])).hex() == r["Output"],
    "DeserializeUint": lambda r: transcript.deserialize_uint(bytes.fromhex(r["Input"]), number(r["Modulus"])),
    "SerializeField": lambda r: (
        number(r["Value"]).to_bytes(transcript.width(number(r["Modulus"])), "big").hex() == r["Output"]
    ),
    "DeserializeField": lambda r: field(bytes.fromhex(r["Input"]), r) == [number(c) for c in r["Coordinates"]],
    "DecodeUint": lambda r: (
        transcript.decode_uint(played(r) if "Operations" in r else bytes.fromhex(r["Input"]), number(r["Modulus"]))
        == number(r["Challenge"])
    ),
    "DuplexSponge": lambda r: played(r).hex() == r["Output"],
    "DeriveSessionID": lambda r: transcript.derive_session_id(bytes.fromhex(r["Tag"])).hex() == r["Output"],
    "Sumcheck": lambda r: (
        sumcheck_prove(r) == (bytes.fromhex(r["Narg"]), number(r["FinalEvaluation"]))
        if "Witness" in r
        else sumcheck_verify(r)
    ),
}


@pytest.mark.parametrize("record", records("fiatShamirCodecVectors.json") + records("fiatShamirShake128Vectors.json"))
def test_every_vector(record):
    if record is None:
        vectors.path(FOLDER + "fiatShamirCodecVectors.json")
    if record.get("Expected") == "reject":
        with pytest.raises((InvalidScalar, ValueError)):
            RUN[record["Function"]](record)
        return
    assert RUN[record["Function"]](record) is True
    if record["Function"] == "Sumcheck":
        assert sumcheck_verify(record) == number(record["FinalEvaluation"])
    if record["Function"] == "SerializeVarLenString":
        written = bytes.fromhex(record["Output"])
        assert transcript.deserialize_var_len(written + b"rest") == (bytes.fromhex(record["Input"]), b"rest")


def test_lengths():
    for bad in (bytes(31), bytes(33)):
        with pytest.raises(ValueError, match="32"):
            transcript.DuplexSponge(bad)
    with pytest.raises(ValueError, match="16"):
        transcript.decode_uint(bytes(47), 2**256 - 189)
    with pytest.raises(InvalidScalar):
        transcript.serialize_uint(-1, 5)
    with pytest.raises(InvalidScalar):
        transcript.serialize_uint(5, 5)
    with pytest.raises(ValueError, match="cut off"):
        transcript.deserialize_var_len(b"\0\0\0")
    assert [transcript.width(modulus) for modulus in (2, 256, 257, 2**16, 2**31 - 1)] == [1, 1, 2, 2, 4]


def test_an_absorb_after_a_squeeze_starts_again():
    one, two = transcript.DuplexSponge(bytes(32)), transcript.DuplexSponge(bytes(32))
    one.absorb(b"a")
    one.squeeze(5)
    one.absorb(b"b")
    two.absorb(b"ab")
    assert one.squeeze(40) == two.squeeze(8) + two.squeeze(32)
