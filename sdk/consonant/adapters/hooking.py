"""How an adapter gets between a voice app and its models: functions are replaced in memory when their module is imported, and put back.

Nothing on the disk changes. A function that is replaced keeps its name and signature. What a generator computes is gated on the first `next`
and asked about before each chunk is given out; its sessions close when it ends, fails or is closed. A function that is called inside a
governed call belongs to it, so a call is one use, however deep the app nests; a voice or a face that the outer one was not given is refused there.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from consonant.adapters.governed import Call, Governed, Prompt, Rules, now, saved
from consonant.adapters.quiet import Quiet
from consonant.errors import NotAllowed
from consonant.subjects import Subject

_END: Final = object()
Wrap = Callable[[Any], None]
Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """How one function is gated. Each gets the call's arguments by their names."""

    give: Callable[[Governed, Any, Arguments], Any]
    """What becomes of a result or a chunk before the caller gets it."""
    prompts: Callable[[Arguments], Iterable[Prompt]]
    """The voices and faces that go into it."""
    subjects: Callable[[Arguments], Sequence[Subject] | None] = lambda _: None
    """Whose they are, where the adapter itself knows."""
    clear: Callable[[Arguments], object] | None = None
    """Lets the caches go, at the end."""
    refused: Callable[[Arguments], object] | None = None
    """Called after a no."""
    later: Callable[[Arguments], bool] = lambda _: False
    """Whether it computes nothing yet: it returns a generator that is gated itself."""
    inner: Callable[[Governed, Any, Arguments], Any] | None = None
    """What becomes of a result inside another governed call."""
    finish: Callable[[Governed, Arguments], object] | None = None
    """Called when a generator has ended by itself."""
    outputs: Callable[[Arguments], Iterable[Any]] = lambda _: ()
    """The files that go when it fails or is refused."""
    results: Callable[[Governed, Any], Iterable[Any]] = lambda *_: ()
    """The files that it has returned, which then go too."""


class Hooks(importlib.abc.MetaPathFinder):
    """What one adapter replaced. `rules` and `quiet` are how."""

    def __init__(self, rules: Rules, quiet: Quiet) -> None:
        self.rules, self.quiet = rules, quiet
        self._wraps: dict[str, Wrap] = {}
        self._replaced: list[tuple[Any, str, Any, bool]] = []
        self._finding = False

    def on_import(self, name: str, wrap: Wrap) -> None:
        """Have a module changed when it is imported; at once, if it has been."""
        self._wraps[name] = wrap
        if name in sys.modules:
            wrap(sys.modules[name])

    def install(self) -> Hooks:
        """Watch the imports."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        self.on_import("torchaudio", self._watch("save", lambda words: (words["uri"], words["src"])))
        self.on_import("gradio.processing_utils", self._watch_gradio)
        return self

    def uninstall(self) -> None:
        """Put everything back."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for owner, name, before, was_own in reversed(self._replaced):
            if was_own:
                setattr(owner, name, before)
            else:
                delattr(owner, name)
        self._replaced = []
        self.quiet.undo()

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Put something in the place of an attribute, to be put back."""
        own = getattr(owner, "__dict__", None)
        was_own = own is None or name in own  # what has slots has the attribute itself
        self._replaced.append((owner, name, getattr(owner, name, None) if own is None else own.get(name), was_own))
        setattr(owner, name, new)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module as the others do, and have it changed once it has run."""
        if fullname not in self._wraps or self._finding:
            return None
        self._finding = True
        try:
            spec = next(
                (
                    found
                    for finder in sys.meta_path
                    if finder is not self and (found := finder.find_spec(fullname, path, target)) is not None
                ),
                None,
            )
        finally:
            self._finding = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._wraps[fullname])
        return spec

    def gate(self, owner: Any, name: str, gate: Gate) -> None:
        """Gate a function or a method, if its owner has it."""
        original = vars(owner).get(name)
        if original is None or getattr(original, "__consonant__", False):
            return
        kind = _generator if inspect.isgeneratorfunction(original) else _function
        wrapped = kind(self.rules, gate, original, within(original))
        wrapped.__consonant__ = True
        self.replace(owner, name, wrapped)

    def _watch(self, name: str, of: Callable[[Mapping[str, Any]], tuple[Any, Any]]) -> Wrap:
        """Return what has a function tell of the files that it writes of somebody's voice."""

        def wrap(module: Any) -> None:
            original = getattr(module, name, None)
            if original is None:
                return
            signature = inspect.signature(original)

            @functools.wraps(original)
            def written(*args: Any, **words: Any) -> Any:
                result = original(*args, **words)
                path, samples = of(bound(signature, args, words))
                if isinstance(path, (str, Path)):
                    saved(path, samples)
                return result

            self.replace(module, name, written)

        return wrap

    def _watch_gradio(self, module: Any) -> None:
        """A clip that a page shows is written by Gradio into its cache."""
        original = getattr(module, "save_audio_to_cache", None)
        if original is None:
            return

        @functools.wraps(original)
        def written(data: Any, *args: Any, **words: Any) -> Any:
            path = original(data, *args, **words)
            saved(path, data)
            return path

        self.replace(module, "save_audio_to_cache", written)


class _Loader(importlib.abc.Loader):
    """Runs a module as its own loader does, and then changes it."""

    def __init__(self, own: Any, wrap: Wrap) -> None:
        self._own, self._wrap = own, wrap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        made: types.ModuleType | None = self._own.create_module(spec)
        return made

    def exec_module(self, module: types.ModuleType) -> None:
        self._own.exec_module(module)
        self._wrap(module)


def run(script: str, arguments: Sequence[str], wrap: Wrap) -> None:
    """Run an app's script as `python script` does, with its functions changed before its main part: `if __name__ == "__main__":`."""
    path = Path(script).resolve()
    sys.argv = [script, *arguments]
    sys.path[0] = str(path.parent)
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    main = types.ModuleType("__main__")
    main.__file__ = str(path)
    sys.modules["__main__"] = main
    first, last = tree, ast.Module([], [])
    for number, each in enumerate(tree.body):
        if isinstance(each, ast.If) and ast.unparse(each.test).replace("'", '"') == '__name__ == "__main__"':
            first, last = ast.Module(tree.body[:number], []), ast.Module(tree.body[number:], [])
            break
    exec(compile(first, str(path), "exec", dont_inherit=True), vars(main))  # noqa: S102 - the operator's own app
    wrap(main)
    exec(compile(last, str(path), "exec", dont_inherit=True), vars(main))  # noqa: S102


def begun(rules: Rules, gate: Gate, name: str, arguments: Arguments) -> Governed:
    """Return a call that may be computed.

    Raises:
        NotAllowed, Unavailable, Rejected: It may not.
    """
    call = Call(name, arguments, tuple(gate.prompts(arguments)))
    clear = functools.partial(gate.clear, arguments) if gate.clear else None
    try:
        return Governed(rules, call, subjects=gate.subjects(arguments), clear=clear).begin()
    except NotAllowed:
        if gate.refused is not None:
            gate.refused(arguments)
        raise


def within(function: Any) -> Any:
    """Return the function whose parameters count: of a decorator that takes anything and names nothing, the function inside it.

    Raises:
        TypeError: There is none inside: what goes into a call cannot be told, so it cannot be gated.
    """
    kinds = {each.kind for each in inspect.signature(function).parameters.values()}
    if kinds != {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return function
    inside = [each.cell_contents for each in getattr(function, "__closure__", None) or ()]
    inside = [each for each in inside if inspect.isfunction(each)]
    if len(inside) != 1:
        raise TypeError(f"{function.__name__} does not say what it takes")
    return within(inside[0])


def _generator(rules: Rules, gate: Gate, original: Any, known: Any) -> Any:
    signature = inspect.signature(known)

    @functools.wraps(original)
    def chunks(*args: Any, **words: Any) -> Generator[Any, None, Any]:
        arguments = bound(signature, args, words)
        outer = now()
        if outer is not None:
            outer.expect(gate.prompts(arguments))
            yield from _steps(outer, original(*args, **words), None, arguments)
            return
        call = begun(rules, gate, known.__name__, arguments)
        failed: BaseException | None = None
        try:
            yield from _steps(call, original(*args, **words), gate.give, arguments)
            if gate.finish is not None:
                gate.finish(call, arguments)
        except BaseException as error:
            failed = error
            if not isinstance(error, GeneratorExit):
                remove(gate.outputs(arguments))
            raise
        finally:
            call.end(failed)

    return chunks


def _function(rules: Rules, gate: Gate, original: Any, known: Any) -> Any:
    signature = inspect.signature(known)

    @functools.wraps(original)
    def called(*args: Any, **words: Any) -> Any:
        arguments = bound(signature, args, words)
        if gate.later(arguments):
            return original(*args, **words)
        outer = now()
        if outer is not None:
            outer.expect(gate.prompts(arguments))
            outer.ensure()
            result = None
            try:
                result = original(*args, **words)
                return gate.inner(outer, result, arguments) if gate.inner is not None else result
            except BaseException:
                remove([*gate.outputs(arguments), *gate.results(outer, result)])
                raise
        call = begun(rules, gate, known.__name__, arguments)
        failed: BaseException | None = None
        result = None
        try:
            with call.inside():
                result = original(*args, **words)
            call.ensure()
            return gate.give(call, result, arguments)
        except BaseException as error:
            failed = error
            remove([*gate.outputs(arguments), *gate.results(call, result)])
            raise
        finally:
            call.end(failed)

    return called


def voices(arguments: Arguments, roles: Mapping[str, str]) -> Iterator[Prompt]:
    """Yield the prompts of a call: of each parameter that is a voice or a face, its role. What is None or empty is none, and one given twice is one."""
    seen: list[Any] = []
    for parameter, role in roles.items():
        value = arguments.get(parameter)
        same = any(
            value is one or (isinstance(value, (str, Path)) and isinstance(one, (str, Path)) and str(value) == str(one))
            for one in seen
        )
        if not same and value is not None and not (isinstance(value, (str, bytes)) and not value):
            seen.append(value)
            yield Prompt(role, value)


def _steps(call: Governed, made: Any, give: Any, arguments: Arguments) -> Generator[Any, None, None]:
    """Give out the chunks of an app's generator, each after a yes."""
    try:
        while True:
            with call.inside():
                chunk = next(made, _END)
            if chunk is _END:
                return
            call.ensure()
            yield give(call, chunk, arguments) if give is not None else chunk
    finally:
        made.close()


def remove(paths: Iterable[Any]) -> None:
    """Remove files, if they are there."""
    for each in paths:
        if isinstance(each, (str, Path)) and str(each) and not Path(each).is_dir():
            Path(each).unlink(missing_ok=True)


def bound(signature: inspect.Signature, args: Any, words: Any) -> dict[str, Any]:
    """Return a call's arguments by their names, with the defaults."""
    bound = signature.bind(*args, **words)
    bound.apply_defaults()
    return dict(bound.arguments)
