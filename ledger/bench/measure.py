"""What a measure is, and how large the measured things are. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    entries: int = 1_000_000
    """Entries of the large log."""
    portions: int = 5
    """It is filled in so many parts; memory is compared between the first and the last."""
    clients: int = 8
    seconds: float = 8.0
    """How long the clients append, for each of their measures."""
    rounds: int = 3
    """The appends and their reference take turns so often."""
    sample: int = 50_000
    """Rows of each portion that the raw COPY writes."""
    proofs: int = 2_000
    others: int = 20_000
    """Entries that other libraries are given."""

    @classmethod
    def quick(cls) -> "Sizes":
        """For a look whether everything runs: the numbers mean nothing."""
        return cls(entries=2_000, portions=2, clients=2, seconds=0.3, rounds=1, sample=500, proofs=20, others=100)

    @classmethod
    def full(cls) -> "Sizes":
        """Ten million entries."""
        return cls(entries=10_000_000, portions=10)


@dataclass(frozen=True)
class Measure:
    """One number, what it is compared with, and what was hoped for."""

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    """The same of the reference, in the same unit and run."""
    ratio: float | None = None
    """`value` to `reference`."""
    goal: str = ""
    met: bool | None = None
    """Whether the goal is reached; None where there is none."""
    sizes: Mapping[str, float] = field(default_factory=dict)
    says: str = ""
    """What `value` and `reference` are."""

    def line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({name: _rounded(value) for name, value in asdict(self).items()})


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value below or at which this part of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value
