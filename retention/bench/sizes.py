"""How much is measured. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Counts, and seconds for each turn of a measure."""

    clients: int = 16
    seconds: float = 6.0
    rounds: int = 3
    """A measure and its reference take turns so often."""
    batches: int = 30
    """Batches of a thousand records for each of the batch's clients, in each turn."""
    batch_clients: int = 4
    stops: int = 40
    """How many people stop everything."""
    apps: int = 3
    """How many apps each of them stops."""
    openers: int = 50
    """How many open sessions while one withdraws."""
    withdrawals: int = 60

    @classmethod
    def quick(cls) -> "Sizes":
        """For a look whether everything runs: the numbers mean nothing."""
        return cls(
            clients=2, seconds=0.5, rounds=1, batches=1, batch_clients=1, stops=2, apps=2, openers=4, withdrawals=2
        )

    @classmethod
    def full(cls) -> "Sizes":
        """Long enough for a quiet hour."""
        return cls(seconds=20.0, batches=100, stops=200, withdrawals=300)
