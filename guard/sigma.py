"""Sigma rules: `pysigma` reads them, and they are judged here, over events in ECS. Pure.

A rule is compiled once, into closures over a `View` of an event, in which each field is looked up once. As Sigma has it: text is compared
without regard to case unless `cased`, except by regular expressions; a field that is not there matches nothing but `null` and
`exists: false`; of a list, one value that matches is enough; what has no field is looked for in all values.

A rule is judged only where its log source is the event's: product (the host's system, or `consonant` for what this service itself and the
sidecar report), category, service.

Regular expressions run on RE2, which does not backtrack: a rule from somewhere else cannot stall the service. Placeholders (`expand`) have
nothing here that would fill them, so such a rule is refused.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from sigma.collection import SigmaCollection
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.policy.regex_engine import RE2RegexEngine
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
    TimestampPart,
)
from yaml import YAMLError

from guard.correlation import KINDS as COUNTED
from guard.correlation import Correlation
from guard.ecs import KINDS, time_of
from guard.errors import RuleUnreadable
from guard.view import Text, View, at

Test = Callable[["View"], bool]

SHIPPED: Final = Path(__file__).parent / "rules"
"""The rules that come with this service."""

_MORE_CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "12": ("registry_add", "registry_delete"),
    "13": ("registry_event",),
    "14": ("registry_event",),
    "26": ("file_delete_detected",),
}
_WINDOWS_CATEGORIES: Final[Mapping[tuple[str, str], str]] = {
    ("security", "4688"): "process_creation",
    ("microsoft-windows-powershell/operational", "4103"): "ps_module",
    ("microsoft-windows-powershell/operational", "4104"): "ps_script",
    ("powershellcore/operational", "4103"): "ps_module",
    ("powershellcore/operational", "4104"): "ps_script",
    ("windows powershell", "400"): "ps_classic_start",
    ("windows powershell", "600"): "ps_classic_provider_start",
}
_CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "powershell": ("microsoft-windows-powershell/operational", "powershellcore/operational"),
    "powershell-classic": ("windows powershell",),
    "windefend": ("microsoft-windows-windows defender/operational",),
    "wmi": ("microsoft-windows-wmi-activity/operational",),
    "bits-client": ("microsoft-windows-bits-client/operational",),
    "firewall-as": ("microsoft-windows-windows firewall with advanced security/firewall",),
    "ntlm": ("microsoft-windows-ntlm/operational",),
    "applocker": (
        "microsoft-windows-applocker/msi and script",
        "microsoft-windows-applocker/exe and dll",
        "microsoft-windows-applocker/packaged app-deployment",
        "microsoft-windows-applocker/packaged app-execution",
    ),
    "dns-server": ("dns server",),
    "msexchange-management": ("msexchange management",),
    "terminalservices-localsessionmanager": ("microsoft-windows-terminalservices-localsessionmanager/operational",),
}
_ECS_CATEGORIES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("process", "start"): ("process_creation",),
    ("process", "end"): ("process_termination",),
    ("network", "start"): ("network_connection",),
    ("network", "connection"): ("network_connection",),
    ("file", "creation"): ("file_event",),
    ("file", "deletion"): ("file_delete",),
    ("file", "change"): ("file_change",),
    ("driver", "start"): ("driver_load",),
    ("library", "start"): ("image_load",),
    ("registry", "change"): ("registry_event", "registry_set"),
}
_REGEX = RE2RegexEngine()
_FLAGS: Final = {
    flag: SigmaRegularExpression.sigma_to_python_flags[flag] for flag in SigmaRegularExpression.sigma_to_python_flags
}
_MOST_SOURCES: Final = 4096


# Conditions


def _compile(node: Any) -> Test:
    if isinstance(node, ConditionAND):
        return _all_of([_compile(each) for each in node.args])
    if isinstance(node, ConditionOR):
        return _any_of(_merged(node.args))
    if isinstance(node, ConditionNOT):
        inner = _compile(node.args[0])
        return lambda view: not inner(view)
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return _compare(node.field, node.value)
    if isinstance(node, ConditionValueExpression):
        return _keyword(node.value)
    raise RuleUnreadable("The condition holds nothing that can be judged")


def _all_of(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda view: first(view) and second(view)

    def test(view: View) -> bool:
        for each in tests:  # noqa: SIM110 - a generator takes twice as long
            if not each(view):
                return False
        return True

    return test


def _any_of(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda view: first(view) or second(view)

    def test(view: View) -> bool:
        for each in tests:  # noqa: SIM110 - a generator takes twice as long
            if each(view):
                return True
        return False

    return test


def _merged(nodes: list[Any]) -> list[Test]:
    """Alternatives of one field as one test, as most rules list them."""
    shapes: dict[tuple[str, str], list[str]] = {}
    tests = []
    for node in nodes:
        simple = _simple(node.value) if isinstance(node, ConditionFieldEqualsValueExpression) else None
        if simple is None:
            tests.append(_compile(node))
        else:
            shapes.setdefault((node.field, simple[0]), []).append(simple[1])
    return [_listed(name, shape, texts) for (name, shape), texts in shapes.items()] + tests


def _simple(value: Any) -> tuple[str, str] | None:
    """What a text without inner wildcards asks: its shape and its lower-case words."""
    if value.__class__ is not SigmaString:
        return None
    parts: list[Any] = list(value.s)
    front, back = parts[:1] == [SpecialChars.WILDCARD_MULTI], parts[-1:] == [SpecialChars.WILDCARD_MULTI]
    inner = parts[front : len(parts) - back] if len(parts) > front + back else []
    if len(inner) > 1 or not all(isinstance(part, str) for part in inner):
        return None
    if not inner and (front or back):
        return None
    shape = {(True, True): "contains", (True, False): "ends", (False, True): "starts"}.get((front, back), "is")
    return shape, "".join(inner).lower()


def _listed(name: str, shape: str, texts: list[str]) -> Test:
    if shape == "is":
        wanted = frozenset(texts)
        return _on(name, wanted.__contains__)
    ends = tuple(texts)
    if shape == "starts":
        return _on(name, lambda text: text.startswith(ends))
    if shape == "ends":
        return _on(name, lambda text: text.endswith(ends))
    if len(ends) == 1:
        word = ends[0]
        return _on(name, lambda text: word in text)

    def contains(text: str) -> bool:
        for each in ends:  # noqa: SIM110 - a generator takes twice as long
            if each in text:
                return True
        return False

    return _on(name, contains)


def _on(name: str, check: Callable[[str], bool], *, exact: bool = False) -> Test:
    """Ask of a field, or of each value of a list."""

    def test(view: View) -> bool:
        text = view.exact(name) if exact else view[name]
        if text.__class__ is str:
            return check(text)
        return text is not None and any(map(check, text))

    return test


def _compare(name: str, value: Any) -> Test:  # noqa: C901, PLR0911 - one kind of value a line
    if isinstance(value, SigmaCasedString):
        return _on(name, _matcher(value, cased=True), exact=True)
    if isinstance(value, SigmaString):
        simple = _simple(value)
        return _listed(name, simple[0], [simple[1]]) if simple else _on(name, _matcher(value, cased=False))
    if isinstance(value, SigmaTimestampPart):
        return _part_of_time(name, value)
    if isinstance(value, SigmaNumber):
        number = str(value.number)
        return _on(name, number.__eq__)
    if isinstance(value, SigmaBool):
        wanted = ("true", "1") if value.boolean else ("false", "0")
        return _on(name, wanted.__contains__)
    if isinstance(value, SigmaNull):
        return lambda view: view[name] is None
    if isinstance(value, SigmaExists):
        there = bool(value)
        return lambda view: (view[name] is not None) is there
    if isinstance(value, SigmaRegularExpression):
        return _on(name, _regex(value), exact=True)
    if isinstance(value, SigmaCIDRExpression):
        return _on(name, _network(value))
    if isinstance(value, SigmaCompareExpression):
        return _on(name, _number(value))
    if isinstance(value, SigmaFieldReference):
        return _reference(name, value)
    if isinstance(value, SigmaExpansion):
        return _any_of(_merged([ConditionFieldEqualsValueExpression(name, each) for each in value.values]))
    raise RuleUnreadable(f"A value of {name} is of a kind that is not judged here: {type(value).__name__}")


def _matcher(value: SigmaString, *, cased: bool, anywhere: bool = False) -> Callable[[str], bool]:
    """A text with wildcards: `*` in any number by searching on from where the last word ended, `?` by RE2."""
    if any(not isinstance(part, (str, SpecialChars)) for part in value.s):
        raise RuleUnreadable(f"Nothing fills the placeholder in {str(value)!r}")
    parts: list[Any] = [part if cased or not isinstance(part, str) else part.lower() for part in value.s]
    many = SpecialChars.WILDCARD_MULTI
    if anywhere:
        parts = [many, *parts, many]
    if SpecialChars.WILDCARD_SINGLE in parts:
        pattern = "".join(re.escape(part) if isinstance(part, str) else ".*" if part is many else "." for part in parts)
        expression = _REGEX.compile(f"(?s){pattern}")
        return lambda text: expression.fullmatch(text) is not None
    if many not in parts:
        whole = "".join(parts)
        return whole.__eq__
    front = parts[0] if parts[0] is not many else ""
    back = parts[-1] if parts[-1] is not many else ""
    words = [part for part in parts[bool(front) : len(parts) - bool(back)] if part is not many]
    least = len(front) + len(back)

    def matches(text: str) -> bool:
        if len(text) < least or not text.startswith(front) or not text.endswith(back):
            return False
        position, end = len(front), len(text) - len(back)
        for word in words:
            position = text.find(word, position, end)
            if position < 0:
                return False
            position += len(word)
        return True

    return matches


def _regex(value: SigmaRegularExpression) -> Callable[[str], bool]:
    flags = 0
    for flag in value.flags:
        flags |= _FLAGS[flag]
    if value.contains_placeholder():
        raise RuleUnreadable(f"Nothing fills the placeholder in {value.regexp!s}")
    expression = _REGEX.compile(str(value.regexp), flags)
    return lambda text: expression.search(text) is not None


@lru_cache(maxsize=4096)
def _address(text: str) -> tuple[int, int] | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if (
        address.version == 6 and address.ipv4_mapped is not None
    ):  # Sysmon writes ::ffff:10.0.0.1 where a socket takes both
        address = address.ipv4_mapped
    return address.version, int(address)


def _network(value: SigmaCIDRExpression) -> Callable[[str], bool]:
    version = value.network.version
    first, last = int(value.network.network_address), int(value.network.broadcast_address)

    def within(text: str) -> bool:
        address = _address(text)
        return address is not None and address[0] == version and first <= address[1] <= last

    return within


def _number(value: SigmaCompareExpression) -> Callable[[str], bool]:
    kinds = CompareOperators
    wanted = value.number.number
    compare: Callable[[float], bool] = {
        kinds.LT: lambda number: number < wanted,
        kinds.LTE: lambda number: number <= wanted,
        kinds.GT: lambda number: number > wanted,
        kinds.GTE: lambda number: number >= wanted,
        kinds.NEQ: lambda number: number != wanted,
    }[value.op]

    def holds(text: str) -> bool:
        try:
            return compare(float(text))
        except ValueError:
            return False

    return holds


def _part_of_time(name: str, value: SigmaTimestampPart) -> Test:
    form = {
        TimestampPart.MINUTE: "%M",
        TimestampPart.HOUR: "%H",
        TimestampPart.DAY: "%d",
        TimestampPart.WEEK: "%W",
        TimestampPart.MONTH: "%m",
        TimestampPart.YEAR: "%Y",
    }[value.timestamp_part]
    wanted = int(value.number)

    def holds(text: str) -> bool:
        at = time_of(text)
        return at is not None and int(datetime.fromisoformat(at).strftime(form)) == wanted

    return _on(name, holds, exact=True)


def _reference(name: str, value: SigmaFieldReference) -> Test:
    """Two fields of one event."""
    other, front, back = value.field, value.starts_with, value.ends_with

    def related(text: str, against: str) -> bool:
        if front and back:
            return against in text
        return text.startswith(against) if front else text.endswith(against) if back else text == against

    def test(view: View) -> bool:
        texts, others = _several(view[name]), _several(view[other])
        return any(related(text, against) for text in texts for against in others)

    return test


def _several(text: Text) -> tuple[str, ...]:
    return () if text is None else (text,) if isinstance(text, str) else text


def _keyword(value: Any) -> Test:
    """What has no field is looked for within every value."""
    if isinstance(value, SigmaExpansion):
        return _any_of([_keyword(each) for each in value.values])
    cased = isinstance(value, (SigmaCasedString, SigmaRegularExpression))
    if isinstance(value, SigmaString):
        check = _matcher(value, cased=cased, anywhere=True)
    elif isinstance(value, SigmaRegularExpression):
        check = _regex(value)
    elif isinstance(value, SigmaNumber):
        word = str(value.number)
        return lambda view: any(word in text for text in view.all_text(cased=False))
    else:
        raise RuleUnreadable(f"A value without a field is of a kind that is not judged here: {type(value).__name__}")
    return lambda view: any(map(check, view.all_text(cased=cased)))


# Rules


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that judges one event."""

    slug: str
    """Its file's name without the ending."""
    id: str
    name: str
    title: str
    title_zh: str
    level: str
    description: str
    description_zh: str
    tags: tuple[str, ...]
    falsepositives: tuple[str, ...]
    references: tuple[str, ...]
    text: str = field(repr=False)
    logsource: tuple[str | None, str | None, str | None]
    """Product, category, service."""
    is_base_only: bool
    """Only a correlation uses it: by itself it raises nothing."""
    test: Test = field(repr=False, compare=False)


Source = tuple[Any, ...]


@dataclass(frozen=True)
class Pack:
    """Rules that judge together."""

    rules: tuple[Rule, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    _by_source: dict[Source, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)

    def judge(self, event: Mapping[str, Any]) -> list[Rule]:
        """Return the rules that match an event in ECS, in the order of their names; those that correlations alone use among them."""
        source = source_of(event)
        rules = self._by_source.get(source)
        if rules is None:
            if len(self._by_source) >= _MOST_SOURCES:
                self._by_source.clear()
            rules = self._by_source[source] = tuple(rule for rule in self.rules if applies(rule.logsource, source))
        if not rules:
            return []
        view = View(event)
        return [rule for rule in rules if rule.test(view)]

    def only(self, slugs: Iterable[str]) -> "Pack":
        """Return the pack of these rules and correlations, with what those correlations count."""
        wanted = set(slugs)
        correlations = tuple(each for each in self.correlations if each.slug in wanted)
        counted = {slug for each in correlations for slug in each.rules}
        rules = tuple(
            replace(rule, is_base_only=rule.is_base_only or rule.slug not in wanted)
            for rule in self.rules
            if rule.slug in wanted or rule.slug in counted
        )
        return Pack(rules, correlations)

    def find(self, slug: str) -> Rule | Correlation | None:
        """Return the rule or correlation of this name."""
        everything: list[Rule | Correlation] = [*self.rules, *self.correlations]
        return next((each for each in everything if each.slug == slug), None)


def source_of(event: Mapping[str, Any]) -> Source:
    """Return what says which log an event is of."""
    what = event.get("event") or {}
    log = event.get("winlog") or {}
    return (
        at(event, ("host", "os", "type")),
        what.get("module"),
        what.get("dataset"),
        log.get("channel"),
        what.get("provider"),
        what.get("code"),
        _words(what.get("category")),
        _words(what.get("type")),
        what.get("action") if what.get("module") == "consonant" else None,
    )


def applies(logsource: tuple[str | None, str | None, str | None], source: Source) -> bool:
    """Whether a rule of this log source is for events of that source."""
    product, category, service = logsource
    system, module, dataset, *_ = source
    own = "consonant" if module == "consonant" else system
    if product and product not in {own, module, (dataset or "").split(".")[0]}:
        return False
    if category and category not in _categories(source):
        return False
    return not service or _is_service(service, source)


def _categories(source: Source) -> set[str]:
    _, module, _, channel, _, code, categories, kinds, action = source
    if module == "sysmon":
        return {KINDS[code][0], *_MORE_CATEGORIES.get(code, ())} if code in KINDS else set()
    if module == "consonant":
        return {action}
    found = {
        name
        for (category, kind), names in _ECS_CATEGORIES.items()
        if category in categories and kind in kinds
        for name in names
    }
    known = _WINDOWS_CATEGORIES.get((str(channel).lower(), str(code)))
    return {*found, known} if known else found


def _is_service(service: str, source: Source) -> bool:
    _, module, dataset, channel, provider, *_ = source
    service = service.lower()
    if service == module or service in str(dataset or "").split("."):
        return True
    name = str(channel or provider or "").lower()
    return (
        name == service
        or name in _CHANNELS.get(service, ())
        or name.startswith((f"microsoft-windows-{service}/", f"microsoft-{service}-"))
    )


def _words(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else () if value is None else (str(value),)


# Reading


def load(folders: Iterable[Path | str], *, faults: list[str] | None = None) -> Pack:
    """Read every `.yml` in these folders, or these files.

    A rule's slug is its file's name; of several in one file, a correlation has it, and what it counts has its own `name`. Raises
    `RuleUnreadable` for the first that cannot be read, or, where `faults` is given, leaves it out and says why there.
    """
    reader = _Reader(faults)
    for folder in map(Path, folders):
        if not folder.exists():
            reader.fault(folder.name, "there is no such file or folder")
            continue
        for path in sorted(each for each in folder.rglob("*.y*ml") if each.is_file()) if folder.is_dir() else [folder]:
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                reader.fault(path.name, error)
                continue
            reader.take(path.stem, text)
    return reader.pack()


def parse(text: str, slug: str) -> Pack:
    """Read one rule, or a correlation with what it counts, from its YAML. Raises `RuleUnreadable`."""
    reader = _Reader(None)
    reader.take(slug, text)
    return reader.pack()


class _Reader:
    """Collects rules over files, since a correlation may name rules of another file."""

    def __init__(self, faults: list[str] | None) -> None:
        self._faults = faults
        self._rules: dict[str, tuple[SigmaRule, str]] = {}
        self._correlations: dict[str, tuple[SigmaCorrelationRule, str]] = {}
        self._filters: list[Any] = []

    def fault(self, name: str, why: object) -> None:
        sentence = f"{name}: {why}"
        if self._faults is None:
            raise RuleUnreadable(sentence)
        self._faults.append(sentence)

    def take(self, stem: str, text: str) -> None:
        try:
            found = SigmaCollection.from_yaml(text, resolve_references=False, collect_filters=True)
        except (SigmaError, YAMLError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            self.fault(stem, error)
            return
        self._filters += found.filters
        has_correlation = any(isinstance(rule, SigmaCorrelationRule) for rule in found.rules)
        owner = next(
            (each for each in found.rules if isinstance(each, SigmaCorrelationRule) or not has_correlation), None
        )
        for place, rule in enumerate(found.rules, 1):
            slug = stem if rule is owner else rule.name or f"{stem}.{place}"
            if slug in self._rules or slug in self._correlations:
                self.fault(stem, f"there is a rule {slug} already")
            elif isinstance(rule, SigmaCorrelationRule):
                self._correlations[slug] = rule, text
            else:
                self._rules[slug] = rule, text

    def pack(self) -> Pack:
        named = {
            name: slug
            for slug, (rule, _) in {**self._rules, **self._correlations}.items()
            for name in (rule.name, str(rule.id), slug)
            if name
        }
        correlations, counted, shown = [], set(), set()
        for slug, (found, text) in self._correlations.items():
            try:
                correlations.append(correlation := _correlation(slug, found, text, named, self._rules))
            except (RuleUnreadable, SigmaError) as error:
                self.fault(slug, error)
                continue
            counted |= set(correlation.rules)
            shown |= set(correlation.rules) if found.generate else set()
        rules = []
        for slug, (each, text) in self._rules.items():
            try:
                rules.append(self._rule(slug, each, text, is_base_only=slug in counted - shown))
            except (RuleUnreadable, SigmaError, _REGEX.error, ValueError) as error:
                self.fault(slug, error)
        return Pack(
            tuple(sorted(rules, key=lambda rule: rule.slug)), tuple(sorted(correlations, key=lambda each: each.slug))
        )

    def _rule(self, slug: str, rule: SigmaRule, text: str, *, is_base_only: bool) -> Rule:
        for each in self._filters:
            rule = each.apply_on_rule(rule)
        parsed = [condition.parsed for condition in rule.detection.parsed_condition]
        source = rule.logsource
        return Rule(
            **_about(slug, rule, text),
            name=rule.name or slug,
            logsource=(source.product, source.category, source.service),
            is_base_only=is_base_only,
            test=_any_of([_compile(node) for node in parsed]),
        )


def _about(slug: str, rule: SigmaRule | SigmaCorrelationRule, text: str) -> dict[str, Any]:
    custom = rule.custom_attributes
    return {
        "slug": slug,
        "id": str(rule.id or ""),
        "title": str(rule.title or slug),
        "title_zh": str(custom.get("title_zh", "")),
        "level": rule.level.name.lower() if rule.level else "medium",
        "description": str(rule.description or "").strip(),
        "description_zh": str(custom.get("description_zh", "")).strip(),
        "tags": tuple(map(str, rule.tags)),
        "falsepositives": tuple(map(str, rule.falsepositives)),
        "references": tuple(map(str, rule.references)),
        "text": text,
    }


def _correlation(
    slug: str, rule: SigmaCorrelationRule, text: str, named: Mapping[str, str], rules: Mapping[str, Any]
) -> Correlation:
    kind = rule.type.name.lower()
    condition = rule.condition
    if kind not in COUNTED:
        raise RuleUnreadable(f"Correlations of this kind are not counted here: {kind}")
    if not isinstance(condition, SigmaCorrelationCondition):
        raise RuleUnreadable("Correlations with a condition of their own are not counted here")
    if rule.aliases.aliases:
        raise RuleUnreadable("Correlations with aliases of fields are not counted here")
    references = [each.reference for each in rule.rules or []]
    if missing := [each for each in references if named.get(each) not in rules]:
        raise RuleUnreadable(f"There is no rule {', '.join(missing)}")
    values = condition.fieldref
    return Correlation(
        **_about(slug, rule, text),
        kind=kind,
        rules=tuple(named[each] for each in references),
        group_by=tuple(rule.group_by or ()),
        timespan=timedelta(seconds=rule.timespan.seconds),
        operator=condition.op.name.lower(),
        count=condition.count,
        value=next(iter(values), None) if isinstance(values, list) else values,
    )
