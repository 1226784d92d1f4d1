"""A secret under a passphrase opens with that one alone."""

import pytest

from keyring.errors import SealBroken
from keyring.passphrase import open_under, seal_under

SECRET = bytes(range(32))
WORDS = "four harbours of grey wool"


def test_it_opens_with_the_passphrase_and_with_nothing_else():
    sealed = seal_under(WORDS, SECRET, context=b"mine")
    assert SECRET not in sealed
    assert open_under(WORDS, sealed, context=b"mine") == SECRET
    for words, context in ((WORDS + " ", b"mine"), ("", b"mine"), (WORDS, b"another's")):
        with pytest.raises(SealBroken):
            open_under(words, sealed, context=context)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 19, 20, 21, -1])
def test_no_bit_can_be_changed(at):
    sealed = bytearray(seal_under(WORDS, SECRET, context=b""))
    sealed[at] ^= 1
    with pytest.raises(SealBroken):
        open_under(WORDS, bytes(sealed), context=b"")


def test_a_cost_that_would_stop_the_service_is_refused_and_what_is_short_too():
    sealed = seal_under(WORDS, SECRET, context=b"")
    costs = [
        sealed[:at] + bytes([cost]) + sealed[at + 1 :] for at, cost in ((1, 31), (2, 0), (2, 255), (3, 0), (3, 255))
    ]
    for changed in (b"", sealed[:10], *costs, b"\x02" + sealed[1:]):
        with pytest.raises(SealBroken):
            open_under(WORDS, changed, context=b"")


def test_the_same_letters_of_another_keyboard_are_the_same():
    sealed = seal_under("caf\u00e9 in the harbour", SECRET, context=b"")
    assert open_under("cafe\u0301 in the harbour", sealed, context=b"") == SECRET


def test_two_of_the_same_are_not_alike():
    assert len({seal_under(WORDS, SECRET, context=b"")[4:20] for _ in range(3)}) == 3
