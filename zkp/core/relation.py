"""Linear relations of draft-irtf-cfrg-sigma-protocols ("Representation", "Instance validation", "Serialization").

A relation says: for each equation, the sum of coefficient * element over its image is the sum of coefficient * secret * element over its terms.
Element 0 is always the generator and never written; the others are points of G1. `Instance` is a relation whose points were decoded and whose
ten conditions hold: nothing is proven or verified about anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from secrets import randbits
from typing import TYPE_CHECKING, Final

from . import group
from .errors import InvalidInstance, InvalidPoint, InvalidScalar
from .group import G1_BYTES, ORDER, SCALAR_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .group import G1

_INDEX_BYTES: Final = 4
_WEIGHT_BITS: Final = 128


@dataclass(frozen=True, slots=True)
class Equation:
    """One row: `image` of (element, coefficient), `terms` of (secret, element, coefficient)."""

    image: tuple[tuple[int, int], ...]
    terms: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """What is to be proven: the elements from index 1 on, 48 bytes each, and the equations."""

    elements: tuple[bytes, ...]
    equations: tuple[Equation, ...]

    def serialize(self) -> bytes:
        """Return its bytes (SerializeLinearRelation).

        Raises:
            InvalidInstance: A count, an index or a coefficient is out of range.
        """
        try:
            rows = b"".join(_row(equation) for equation in self.equations)
            return _uint(len(self.equations)) + rows + b"".join(self.elements)
        except (OverflowError, InvalidScalar):
            raise InvalidInstance from None


class Instance:
    """A valid relation, ready to compute with."""

    def __init__(self, relation: Relation) -> None:
        """Decode the elements and check the ten conditions of "Instance validation".

        Raises:
            InvalidInstance: One does not hold.
        """
        self.octets = relation.serialize()  # 3
        self.equations = relation.equations
        _check_shape(relation)  # 1, 2, 4, 5, 6
        try:
            decoded = [group.decode_g1(element) for element in relation.elements]  # 8
        except InvalidPoint:
            raise InvalidInstance from None
        self.elements: list[G1] = [group.generator(), *decoded]  # 7
        self.secrets = 1 + max(secret for row in self.equations for secret, _, _ in row.terms)
        if any(self._vanishes(row.image) for row in self.equations):  # 9
            raise InvalidInstance
        for each in range(self.secrets):  # 10
            columns = [[(at, by) for secret, at, by in row.terms if secret == each] for row in self.equations]
            if all(self._vanishes(column) for column in columns):
                raise InvalidInstance

    def holds(self, secrets: Sequence[int]) -> bool:
        """Say whether these secrets satisfy every equation.

        All equations are one sum, each after the first times a weight of 128 random bits: one that does not hold is missed once in 2**128.
        """
        weighed = []
        for place, row in enumerate(self.equations):
            weight = randbits(_WEIGHT_BITS) if place else 1
            weighed += [(at, weight * by) for at, by in row.image]
            weighed += [(at, -weight * by * secrets[secret]) for secret, at, by in row.terms]
        return group.is_identity(self._sum(weighed))

    def evaluate(self, scalars: Sequence[int], challenge: int = 0) -> list[G1]:
        """Return map(scalars) - challenge * image, a point for each equation ("Map evaluation", "Simulator")."""
        made = []
        for row in self.equations:
            terms = [(at, by * scalars[secret]) for secret, at, by in row.terms]
            made.append(self._sum(terms + [(at, -by * challenge) for at, by in row.image]))
        return made

    def _sum(self, weighed: Iterable[tuple[int, int]]) -> G1:
        weights = _collect(weighed)
        return group.msm([self.elements[at] for at in weights], list(weights.values()))

    def _vanishes(self, weighed: Iterable[tuple[int, int]]) -> bool:
        """Say whether a sum is the identity. One element that is not, times a coefficient that is not zero, never is."""
        weights = {at: by for at, by in _collect(weighed).items() if by}
        return not weights or (len(weights) > 1 and group.is_identity(self._sum(weights.items())))


def parse(data: bytes) -> Relation:
    """Read a relation that `serialize` wrote.

    Raises:
        InvalidInstance: It is cut off, has something over, or a coefficient is not canonical. Elements are not decoded here.
    """
    reader = _Reader(data)
    equations = []
    for _ in range(reader.uint()):
        image = tuple((reader.uint(), reader.scalar()) for _ in range(reader.uint()))
        terms = tuple((reader.uint(), reader.uint(), reader.scalar()) for _ in range(reader.uint()))
        equations.append(Equation(image, terms))
    rest = reader.rest()
    if len(rest) % G1_BYTES:
        raise InvalidInstance
    elements = tuple(rest[at : at + G1_BYTES] for at in range(0, len(rest), G1_BYTES))
    return Relation(elements, tuple(equations))


def _check_shape(relation: Relation) -> None:
    rows = relation.equations
    if not rows or not all(row.image and row.terms for row in rows):  # 1, 2
        raise InvalidInstance
    used = {at for row in rows for at, _ in row.image} | {at for row in rows for _, at, _ in row.terms}
    if used | {0} != set(range(len(relation.elements) + 1)):  # 4, 5
        raise InvalidInstance
    secrets = {secret for row in rows for secret, _, _ in row.terms}
    if max(secrets) != len(secrets) - 1:  # 6
        raise InvalidInstance


def _collect(weighed: Iterable[tuple[int, int]]) -> dict[int, int]:
    weights: dict[int, int] = {}
    for at, by in weighed:
        weights[at] = (weights.get(at, 0) + by) % ORDER
    return weights


def _row(equation: Equation) -> bytes:
    image = b"".join(_uint(at) + group.encode_scalar(by) for at, by in equation.image)
    terms = b"".join(_uint(secret) + _uint(at) + group.encode_scalar(by) for secret, at, by in equation.terms)
    return _uint(len(equation.image)) + image + _uint(len(equation.terms)) + terms


def _uint(value: int) -> bytes:
    return value.to_bytes(_INDEX_BYTES, "little")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def uint(self) -> int:
        return int.from_bytes(self._take(_INDEX_BYTES), "little")

    def scalar(self) -> int:
        try:
            return group.decode_scalar(self._take(SCALAR_BYTES))
        except InvalidScalar:
            raise InvalidInstance from None

    def rest(self) -> bytes:
        return self._take(len(self._data) - self._at)

    def _take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        if len(taken) != length:
            raise InvalidInstance
        self._at += length
        return taken
