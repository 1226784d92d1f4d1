"""After a restore: legal holds that were placed after the backup are in no row any more, and what they keep must not be destroyed.

A note beside the signed heads, durable, is there from before the recovery on; it stays where entries came back that say that a hold was
placed. While it is there nothing is destroyed, and what is past its time is read by nobody all the same. It goes when the operator says that
the holds were placed again.
"""

from pathlib import Path

from django.conf import settings

from keyring.secretfile import sync_folder
from ledger.barrier import refuse_if_database_is_restored
from ledger.models import Opening
from ledger.recover import LOST
from retention.errors import HoldsLost

_NOTE = "holds-lost"


def begin() -> None:
    """Note, before anything is brought back, how many were lost until then; a call that goes on keeps the first note."""
    if not _path().exists():
        _path().write_text(str(_lost()), encoding="ascii")
        sync_folder(_path().parent)


def settle() -> int:
    """Return how many holds were lost since `begin`; the note goes if there are none."""
    text = _path().read_text(encoding="ascii")
    found = _lost() - int(
        text or 0
    )  # empty: the machine died in the first write of it, before anything was brought back
    if not found:
        placed_again()
    return found


def placed_again() -> bool:
    """Take the note away; say whether there was one."""
    was = _path().exists()
    _path().unlink(missing_ok=True)
    if was:
        sync_folder(_path().parent)
    return was


def refuse_if_holds_may_be_missing() -> None:
    """Refuse to destroy anything that a hold may keep of which this database does not know.

    Raises:
        ledger.errors.Behind: The database is older than what was published.
        HoldsLost: It was, and the holds were not placed again.
    """
    refuse_if_database_is_restored()
    if _path().exists():
        raise HoldsLost


def _lost() -> int:
    """Return how many entries say that a hold was placed, and nothing says which."""
    return Opening.objects.filter(holder=LOST, kind="hold.placed").count()


def _path() -> Path:
    return Path(settings.HEADS) / _NOTE
