"""How many calls in how long: `600/minute`. Pure."""

import re
from dataclasses import dataclass

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True)
class Rate:
    """So many calls in each window of so many seconds."""

    calls: int
    seconds: int

    def window(self, at: float) -> tuple[int, int]:
        """Return the number of the window that holds this moment (seconds since 1970), and how many whole seconds are left of it."""
        number, spent = divmod(at, self.seconds)
        return int(number), max(1, self.seconds - int(spent))


def parse(text: str) -> Rate | None:
    """Return the rate, or None for an empty text, which sets none.

    Raises:
        ValueError: It is no rate.
    """
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d{0,8})/(second|minute|hour|day)", text)
    if found is None:
        raise ValueError(f"{text!r} is no rate such as 600/minute")
    return Rate(int(found[1]), _SECONDS[found[2]])
