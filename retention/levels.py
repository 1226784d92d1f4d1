"""The bank data level of each artifact. Pure.

JR/T 0171-2020 sorts personal financial information into C1 to C3: what tells a user apart to authenticate them, among it voiceprints and
faces, is C3, the highest. What only identifies a person is C2. JR/T 0197-2020 puts C3 at level 4 of 5, C2 at level 3. (The row of its Annex
A is to be checked by the bank.)
"""

from typing import Final

C2: Final = "C2"
C3: Final = "C3"
LEVELS: Final = {C3: 4, C2: 3}
"""By the class of JR/T 0171-2020: the level of JR/T 0197-2020."""

_TELLS_APART: Final = frozenset({"embedding", "features", "model"})


def level_of(*, kind: str, use_class: str) -> str:
    """Return the class of an artifact: what authenticates, or could, is C3; everything else that shows a person is C2."""
    return C3 if kind in _TELLS_APART or use_class == "identification" else C2
