"""Whose voice the code that runs now works with: said outside by who knows it, read inside by what has to ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One person: by the grant they gave, or by your name for them and the purpose."""

    grant_id: str | None = None
    subject_ref: str | None = None
    purpose: str | None = None


_subjects: ContextVar[tuple[Subject, ...]] = ContextVar("consonant_subjects", default=())


@contextmanager
def using(
    *subjects: Subject, grant_id: str | None = None, subject_ref: str | None = None, purpose: str | None = None
) -> Iterator[tuple[Subject, ...]]:
    """Say whose voices are used inside; an inner one replaces an outer one. One person by keywords, several as `Subject`s."""
    if grant_id is not None or subject_ref is not None:
        subjects = (*subjects, Subject(grant_id, subject_ref, purpose))
    mark = _subjects.set(subjects)
    try:
        yield subjects
    finally:
        _subjects.reset(mark)


def subjects_in_use() -> tuple[Subject, ...]:
    """Return whose voices are used here, as the innermost `using` says; nobody's without one."""
    return _subjects.get()
