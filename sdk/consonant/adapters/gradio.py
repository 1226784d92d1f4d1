"""Gradio: a handler that runs inside a grant, shows a refusal as Gradio shows errors, and leaves none of its inputs behind.

    demo.click(governed(client, speak, purpose="voice-cloning", operations=("synthesize",), subject=who), ...)

Gradio copies what it is given and what it gives back into its temporary folder and keeps both; none of the apps that this project looked at sets
`delete_cache`. `governed` removes the inputs below that folder when the handler is done; make the page by `gr.Blocks(delete_cache=(60, 240))`
for the rest, and run `consonant guard` beside it for what a crash leaves.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from consonant.errors import NotAllowed, Unavailable
from consonant.gate import whole, whose

if TYPE_CHECKING:
    from consonant.client import Client
    from consonant.grant import Grant

_MOST: Final = 100


def governed(  # noqa: C901, PLR0913 - two wrappers, and what they share
    client: Client,
    handler: Callable[..., Any],
    *,
    purpose: str | None = None,
    operations: Sequence[str] = (),
    subject: Callable[..., Any] | None = None,
    use: str | None = None,
    keeps_inputs: bool = False,
) -> Callable[..., Any]:
    """Return the handler, gated; a generator streams, and stops when the person switches off. `subject` and `use` are those of `Client.gated`.

    Raises:
        TypeError: The handler is a coroutine: gate what it calls by an AsyncClient.
    """
    if inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler):
        raise TypeError("a coroutine is gated by an AsyncClient")

    def opened(args: Any, kwargs: Any) -> Grant:
        who = whose(subject, args, kwargs, purpose)
        return client.grant(
            who.grant_id, subject_ref=who.subject_ref, purpose=who.purpose, operations=tuple(operations)
        )

    def prepared(grant: Grant, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        if not keeps_inputs:
            for path in _inputs([*args, *kwargs.values()]):
                grant.residue(path)
        return kwargs if use is None else {**kwargs, use: grant}

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                with (
                    opened(args, kwargs) as grant,
                    contextlib.closing(handler(*args, **prepared(grant, args, kwargs))) as made,
                ):
                    for each in made:
                        grant.ensure()
                        yield each
            except (NotAllowed, Unavailable) as error:
                raise _shown(error) from None

        return stream

    @functools.wraps(handler)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            with opened(args, kwargs) as grant:
                return whole(handler(*args, **prepared(grant, args, kwargs)))
        except (NotAllowed, Unavailable) as error:
            raise _shown(error) from None

    return called


def _inputs(values: Sequence[Any]) -> list[Path]:
    """Return the files below Gradio's temporary folder that a handler was given."""
    top = Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio").resolve()
    found = []
    for each in values[:_MOST]:
        if isinstance(each, str | Path) and each and len(str(each)) < 4096:
            path = Path(each).absolute()
            if top in path.parent.resolve().parents and path.is_file():
                found.append(path)
    return found


def _shown(error: NotAllowed | Unavailable) -> Exception:
    """Return what Gradio shows to the person, or the error itself where there is no Gradio."""
    try:
        from gradio import Error
    except ImportError:
        return error
    cure = getattr(error, "cure", "")
    shown: Exception = Error(f"{error} {cure}".strip())
    return shown
