"""Decorators: what they wrap runs inside a grant, and never without one.

    @client.gated(purpose="voice-cloning", operations=("synthesize",), subject=lambda text, user: user, use="use")
    def speak(text, user, use=None): ...

Functions, methods and coroutines are gated when they are called. A generator is gated on its first `next`, asks between its chunks whether it may
go on, gives out no chunk after a no, and closes its session when it ends, fails, or is closed. `subject` gets the call's arguments and returns
your name for the person, or a `Subject`; without it, the one person that `using` names. `use` is the keyword by which the function wants the grant.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from consonant.errors import NotAllowed
from consonant.subjects import Subject, subjects_in_use

if TYPE_CHECKING:
    from consonant.aclient import AsyncClient
    from consonant.client import Client

F = TypeVar("F", bound=Callable[..., Any])


def gated(
    client: Client,
    *,
    purpose: str | None,
    operations: Sequence[str],
    subject: Callable[..., Any] | None,
    use: str | None,
) -> Callable[[F], F]:
    """Return the decorator for functions, methods and generators.

    Raises:
        TypeError: What it is put on is a coroutine: take an AsyncClient.
    """

    def opened(args: Any, kwargs: Any) -> Any:
        who = whose(subject, args, kwargs, purpose)
        return client.grant(
            who.grant_id, subject_ref=who.subject_ref, purpose=who.purpose, operations=tuple(operations)
        )

    def decorate(function: F) -> F:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("a coroutine is gated by an AsyncClient")
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def chunks(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                with opened(args, kwargs) as grant:
                    made = function(*args, **_with(kwargs, use, grant))
                    try:
                        given = None
                        while True:
                            try:
                                chunk = made.send(given)
                            except StopIteration as stop:
                                return stop.value
                            grant.ensure()
                            given = yield chunk
                    finally:
                        made.close()

            return chunks  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with opened(args, kwargs) as grant:
                return whole(function(*args, **_with(kwargs, use, grant)))

        return called  # type: ignore[return-value]

    return decorate


def agated(
    client: AsyncClient,
    *,
    purpose: str | None,
    operations: Sequence[str],
    subject: Callable[..., Any] | None,
    use: str | None,
) -> Callable[[F], F]:
    """Return the decorator for coroutines and asynchronous generators.

    Raises:
        TypeError: What it is put on is neither: take a Client.
    """

    def opened(args: Any, kwargs: Any) -> Any:
        who = whose(subject, args, kwargs, purpose)
        return client.grant(
            who.grant_id, subject_ref=who.subject_ref, purpose=who.purpose, operations=tuple(operations)
        )

    def decorate(function: F) -> F:
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def chunks(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
                async with opened(args, kwargs) as grant:
                    made = function(*args, **_with(kwargs, use, grant))
                    try:
                        async for chunk in made:
                            await grant.ensure()
                            yield chunk
                    finally:
                        await made.aclose()

            return chunks  # type: ignore[return-value]
        if not inspect.iscoroutinefunction(function):
            raise TypeError("a function that is no coroutine is gated by a Client")

        @functools.wraps(function)
        async def called(*args: Any, **kwargs: Any) -> Any:
            async with opened(args, kwargs) as grant:
                return whole(await function(*args, **_with(kwargs, use, grant)))

        return called  # type: ignore[return-value]

    return decorate


def whose(subject: Callable[..., Any] | None, args: Any, kwargs: Any, purpose: str | None) -> Subject:
    """Return whose voice a call is about.

    Raises:
        NotAllowed: Nobody is named, or several are (`subject_missing`).
    """
    if subject is None:
        found = subjects_in_use()
        who = found[0] if len(found) == 1 else None
    else:
        named = subject(*args, **kwargs)
        who = named if isinstance(named, Subject) or named is None else Subject(subject_ref=str(named))
    if who is None or (who.grant_id is None and not (who.subject_ref and (who.purpose or purpose))):
        raise NotAllowed("subject_missing", "say whose voice it is", "Nobody has said whose voice this is.")
    return Subject(who.grant_id, who.subject_ref, who.purpose or purpose)


def whole(result: Any) -> Any:
    """Return what a function returned, if the work is done with it.

    Raises:
        TypeError: The work would begin after the session has ended: a generator or a coroutine, which nobody runs now.
    """
    if inspect.isgenerator(result) or inspect.iscoroutine(result):
        result.close()
    elif not inspect.isasyncgen(result) and not inspect.isawaitable(result):
        return result
    raise TypeError("what is gated gives back work that is still to be done: gate the generator or coroutine itself")


def _with(kwargs: dict[str, Any], name: str | None, grant: object) -> dict[str, Any]:
    return kwargs if name is None else {**kwargs, name: grant}
