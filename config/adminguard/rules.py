"""The room of rules: what each finds, its own text, whether it is on, and what it would have found in the last day."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext

from config.adminguard.room import GuardRoom
from config.alertwords import description_of, title_of
from guard import correlation, sigma
from guard.change_rule import change_rule
from guard.correlation import Correlation
from guard.models import Event, Level, RuleState, Step
from guard.pack import pack, rule_of
from guard.queries import playbook_for, turned_off
from guard.sigma import Rule

_CHANGE = "change_rulestate"
_DAY: Final = timedelta(days=1)
MOST_EVENTS: Final = 200_000
"""Events that one test looks at, the newest first."""
LONGEST: Final = 20.0
"""Seconds that a test takes at most."""
SHOWN: Final = 50
_WORST_FIRST = tuple(reversed(Level.values))


@admin.register(RuleState)
class RuleAdmin(GuardRoom):
    """Rules. They come from files; what an officer changes is only whether they are on."""

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("<slug:slug>/turn/", view(self.turn), name="guard_rulestate_turn"),
            path("<slug:slug>/test/", view(self.test), name="guard_rulestate_test"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, _extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show every rule, the worst first."""
        self.must_see(request)
        off = turned_off()
        found: list[Rule | Correlation] = [*pack().rules, *pack().correlations]
        rules = sorted(
            (rule for rule in found if not rule.is_base_only),
            key=lambda rule: (_WORST_FIRST.index(rule.level), rule.slug),
        )
        return self.page(
            request,
            "rules",
            title=gettext("Rules"),
            rules=[(rule, title_of(rule.slug), Level(rule.level).label, rule.slug not in off) for rule in rules],
        )

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one."""
        return self._one(request, self._rule(object_id))

    def _one(self, request: HttpRequest, rule: Rule | Correlation, **more: Any) -> HttpResponse:
        state = RuleState.objects.filter(slug=rule.slug).first()
        plan = playbook_for(rule.slug, rule.level)
        return self.page(
            request,
            "rule",
            title=title_of(rule.slug),
            rule=rule,
            level=Level(rule.level).label,
            description=description_of(rule),
            logsource=[each for each in getattr(rule, "logsource", ()) if each],
            is_on=state is None or state.enabled,
            state=state,
            plan=plan,
            steps=[Step(step).label for step in plan.steps],
            may_act=self.may_act(request, _CHANGE),
            may_test=request.user.has_perm("guard.view_alert"),
            **more,
        )

    def turn(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Turn it off, or on again."""
        self.must_act(request, _CHANGE)
        rule, enabled = self._rule(slug), request.POST.get("enabled") == "yes"
        change_rule(slug=rule.slug, enabled=enabled, officer=str(request.user.pk), now=timezone.now())
        messages.success(
            request,
            gettext("The rule is on.") if enabled else gettext("The rule is off. What it finds raises nothing."),
        )
        return redirect("admin:guard_rulestate_change", rule.slug)

    def test(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Run it over what was kept of the last day, and change nothing."""
        self.must_see(request)
        if request.method != "POST" or not request.user.has_perm("guard.view_alert"):
            return redirect("admin:guard_rulestate_change", self._rule(slug).slug)
        rule = self._rule(slug)
        return self._one(request, rule, tested=try_out(rule, now=timezone.now()))

    def _rule(self, slug: str) -> Rule | Correlation:
        found = rule_of(slug)
        if found is None:
            raise Http404
        return found


def try_out(rule: Rule | Correlation, *, now: datetime) -> dict[str, Any]:
    """Return what a rule finds in the events of the last day: how many, the newest of them, and how long it took."""
    began = time.monotonic()
    only = pack().only({rule.slug})
    seen, hits, cut_off = 0, [], False
    newest = Event.objects.filter(received_at__gt=now - _DAY).order_by("-received_at", "-id")
    for event in _looked_at(newest):
        seen += 1
        if only.judge(event.data):
            hits.append(event)
        if seen % 500 == 0 and time.monotonic() - began > LONGEST:
            cut_off = True
            break
    if isinstance(rule, Correlation):
        counted = _counted(only, rule, hits, now)
        return {
            "seen": seen,
            "count": len(counted),
            "hits": counted[:SHOWN],
            "seconds": time.monotonic() - began,
            "cut_off": cut_off,
        }
    shown = [
        (
            event.at,
            event.host.name,
            _glance(event.data),
            json.dumps(event.data, indent=2, ensure_ascii=False, sort_keys=True),
        )
        for event in hits[:SHOWN]
    ]
    return {"seen": seen, "count": len(hits), "hits": shown, "seconds": time.monotonic() - began, "cut_off": cut_off}


def _looked_at(newest: Any) -> Iterator[Event]:
    yield from (
        newest.select_related("host").only("id", "at", "data", "host__name")[:MOST_EVENTS].iterator(chunk_size=2000)
    )


def _counted(only: sigma.Pack, rule: Correlation, hits: list[Event], now: datetime) -> list[tuple[Any, ...]]:
    matches, hosts = [], {}
    for event in hits:
        for base in only.judge(event.data):
            values = correlation.values_of([rule], base.slug, event.data)
            group = (str(event.host_id), *correlation.group_of(rule, values))
            hosts[group] = event.host.name
            matches.append(correlation.Match(base.slug, event.at, group, values))
    found = correlation.judge(rule, matches, now + _DAY)
    return [
        (hit.at, hosts[hit.group], gettext("%(count)d matches within the window") % {"count": hit.count}, "")
        for hit in reversed(found)
    ]


def _glance(data: dict[str, Any]) -> str:
    process, file, there = data.get("process") or {}, data.get("file") or {}, data.get("destination") or {}
    what = file.get("path") or (
        f"{there['ip']} {there.get('port', '')}" if there.get("ip") else process.get("command_line")
    )
    return f"{process.get('name', '')} {what or (data.get('event') or {}).get('action', '')}".strip()[:200]
