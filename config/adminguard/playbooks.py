"""The room of playbooks: what is done about an alert, by its level or by its rule."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.adminguard.room import REFUSED, GuardRoom
from config.alertwords import title_of
from guard.change_playbook import change_playbook
from guard.correlation import Correlation
from guard.models import Level, Playbook, Step
from guard.pack import pack, rule_of
from guard.queries import Plan, playbook_for
from guard.sigma import Rule

_CHANGE = "change_playbook"


class PlaybookForm(forms.Form):
    """What is done."""

    steps = forms.MultipleChoiceField(
        label=_("What is done"),
        choices=Step.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    enabled = forms.BooleanField(label=_("It is done"), required=False)

    def clean(self) -> dict[str, Any]:
        """Refuse what is no form of ours: it would read as nothing ticked, and disarm the playbook."""
        if "said" not in self.data:
            raise forms.ValidationError(_("Say what is done."))
        return self.cleaned_data


@admin.register(Playbook)
class PlaybookAdmin(GuardRoom):
    """Playbooks."""

    def changelist_view(self, request: HttpRequest, _extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show what is done, by level and by rule."""
        self.must_see(request)
        own = set(Playbook.objects.values_list("key", flat=True))
        found: list[Rule | Correlation] = [*pack().rules, *pack().correlations]
        rules = sorted((rule for rule in found if not rule.is_base_only), key=lambda rule: rule.slug)
        return self.page(
            request,
            "playbooks",
            title=gettext("Playbooks"),
            levels=[
                (level, Level(level).label, *_said(playbook_for(level, level))) for level in reversed(Level.values)
            ],
            rules=[
                (rule.slug, title_of(rule.slug), rule.slug in own, *_said(playbook_for(rule.slug, rule.level)))
                for rule in rules
            ],
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        _form_url: str = "",
        _extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one playbook, and change it."""
        self.must_see(request)
        if object_id is None:  # each rule and each level has one; none is added
            raise PermissionDenied
        key = object_id
        rule = rule_of(key)
        if key not in Level.values and (rule is None or rule.is_base_only):
            raise Http404
        plan = playbook_for(key, rule.level if rule else key)
        may_act = self.may_act(request, _CHANGE)
        form = PlaybookForm(
            request.POST if request.method == "POST" else None, initial={"steps": plan.steps, "enabled": plan.enabled}
        )
        if request.method == "POST":
            self.must_act(request, _CHANGE)
            if form.is_valid():
                try:
                    change_playbook(key=key, officer=str(request.user.pk), now=timezone.now(), **form.cleaned_data)
                    messages.success(request, gettext("Saved. It counts for alerts that are raised from now on."))
                    return redirect("admin:guard_playbook_changelist")
                except REFUSED as error:
                    self.say_no(request, error)
        return self.page(
            request,
            "playbook",
            status=422 if request.method == "POST" else 200,
            title=title_of(key) if rule else gettext("Alerts of the level: %(level)s") % {"level": Level(key).label},
            form=form,
            steps=_said(plan)[0],
            is_on=plan.enabled,
            is_inherited=bool(rule) and plan.key != key,
            may_act=may_act,
        )


def _said(plan: Plan) -> tuple[list[str], bool]:
    return [str(Step(step).label) for step in plan.steps], plan.enabled
