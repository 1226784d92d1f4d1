"""What gives evidence from outside that a checkpoint existed by a time: a timestamp authority, a chain, a newspaper.

A plug-in is a class without arguments that has these four names; `CONSONANT_ANCHORS` names it by its dotted path. It knows nothing of the
ledger: it is given the signed note of a checkpoint, bytes, and gives bytes back, which are kept beside the log for anyone. What it needs
(addresses, credentials) it takes from its own settings. It may take seconds, not minutes, and may raise whatever it likes: that is told
to the officer as an alarm, and it is asked again an hour later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Anchorer(Protocol):
    """One way of anchoring."""

    @property
    def kind(self) -> str:
        """What it is called: at most 20 lower-case letters and digits, and no other anchor's."""

    @property
    def suffix(self) -> str:
        """How the names of its files end: at most 20 lower-case letters and digits, no other anchor's, and not `checkpoint`."""

    def anchor(self, note: bytes) -> bytes:
        """Obtain evidence that this note existed: bytes that `verify` accepts, without a network, years from now."""

    def verify(self, note: bytes, evidence: bytes) -> datetime:
        """Return the time by which the evidence shows that this note existed, aware; ask no network.

        Raises:
            ledger.errors.InvalidEvidence: It does not show that.
        """
