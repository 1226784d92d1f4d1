"""The words for what people take with them."""

from collections.abc import Mapping

from django.utils.translation import ngettext


def left_out(counts: Mapping[str, int]) -> list[str]:
    """Say what could not be put into it, and why; data.json names each thing."""
    sentences = {
        "locked": lambda n: ngettext(
            "%(n)s thing is locked with your passphrase. Open it in Settings, then ask again.",
            "%(n)s things are locked with your passphrase. Open them in Settings, then ask again.",
            n,
        ),
        "destroyed": lambda n: ngettext(
            "%(n)s thing was destroyed before it could be put in.",
            "%(n)s things were destroyed before they could be put in.",
            n,
        ),
        "restricted": lambda n: ngettext(
            "%(n)s thing is restricted by an erasure until it is destroyed.",
            "%(n)s things are restricted by an erasure until they are destroyed.",
            n,
        ),
    }
    other = lambda n: ngettext(  # noqa: E731 - as the others
        "%(n)s thing could not be read. We have been told.", "%(n)s things could not be read. We have been told.", n
    )
    return [sentences.get(reason, other)(n) % {"n": n} for reason, n in sorted(counts.items()) if n]
