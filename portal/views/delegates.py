"""Who acts for whom: ask to act for somebody, see who acts for oneself, agree, end it, and change for whom one acts now.

These pages are about who signed in, for whomever they act.
"""

import uuid
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import delegate, delegate_account, delegate_end, delegate_invite
from consent.capacity import Relationship
from consent.errors import (
    AgeUnsaid,
    DelegationDecided,
    DelegationForbidden,
    DelegationUnknown,
    DocumentRefused,
    InvitationUnknown,
    TooManyDelegations,
)
from consent.models import Delegation
from portal import words
from portal.acting import act, stop_acting
from portal.delegate_form import WAYS, AskToAct
from portal.views import SignedIn
from portal.words import delegations as told

_SHOWN = 50


@never_cache
@login_required
@require_safe
def delegates(request: SignedIn) -> HttpResponse:
    """Show for whom the person acts, and who acts for them."""
    return _page(request)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: SignedIn, way: str) -> HttpResponse:
    """Show the form for one way to name a person, and take it."""
    if way not in WAYS:
        raise Http404
    now = timezone.now()
    if request.method != "POST":
        return _form(request, way, AskToAct(way=way, today=now.date()))
    form = AskToAct(request.POST, request.FILES, way=way, today=now.date())
    if not form.is_valid():
        return _form(request, way, form, status=422)
    try:
        delegate.request_delegation(
            delegate=request.user,
            relationship=Relationship(form.relationship_of(form.cleaned_data)),
            whom=form.whom,
            label=form.cleaned_data["label"],
            document=form.cleaned_data["document"].read(),
            now=now,
        )
    except DocumentRefused:
        form.add_error("document", _("This is no PDF, JPEG or PNG."))
    except InvitationUnknown:
        form.add_error("code", _("There is no such code for this, or its hour is over."))
    except AgeUnsaid:
        form.add_error(
            None, _("Please say first, in your settings, how old you are: only an adult can act for somebody.")
        )
    except DelegationForbidden:
        form.add_error(None, _("You cannot act for this person: only an adult can act, and only for somebody else."))
    except TooManyDelegations:
        form.add_error(None, _("You are waiting for as many answers as you may. Please wait, or end one of them."))
    else:
        messages.success(request, _("An officer looks at your document. You see here what was decided."))
        return redirect("portal:delegates")
    return _form(request, way, form, status=422)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: SignedIn) -> HttpResponse:
    """Make a code and show it, this once."""
    if request.method != "POST":  # the language was switched on the page that showed it
        return redirect("portal:delegates")
    relationship = request.POST.get("relationship")
    if relationship not in {Relationship.GUARDIAN, Relationship.ATTORNEY}:
        raise BadRequest
    code = delegate_invite.invite(principal=request.user, relationship=Relationship(relationship), now=timezone.now())
    return _page(request, code=code)


@never_cache
@login_required
@require_POST
def agree(request: SignedIn, delegation_id: uuid.UUID) -> HttpResponse:
    """Agree to what somebody asked for."""
    try:
        delegate_invite.agree(delegation_id=delegation_id, principal=request.user, now=timezone.now())
    except DelegationUnknown:
        raise Http404 from None
    messages.success(request, _("You have agreed. An officer still looks at the document."))
    return redirect("portal:delegates")


@never_cache
@login_required
@require_POST
def end(request: SignedIn, delegation_id: uuid.UUID) -> HttpResponse:
    """End it, from either side: no question is asked."""
    try:
        delegate_end.end_delegation(delegation_id=delegation_id, user=request.user, now=timezone.now())
    except DelegationUnknown:
        raise Http404 from None
    except DelegationDecided:
        messages.info(request, _("This had ended already."))
    else:
        messages.success(request, _("Ended, from now on."))
    return redirect("portal:delegates")


@never_cache
@login_required
@require_POST
def give_account(request: SignedIn, delegation_id: uuid.UUID) -> HttpResponse:
    """Let the person choose a password, by a letter to the address that the guardian names. Whoever has it already is told so, there."""
    if not Delegation.objects.filter(id=delegation_id, delegate=request.user).exists():
        raise Http404
    try:
        email = forms.EmailField().clean(request.POST.get("email"))
    except forms.ValidationError:
        messages.error(request, _("This is no e-mail address."))
        return redirect("portal:delegates")
    if not ratelimit.consume(request, action="reset_password", key=email.lower()):
        messages.error(request, _("Too many letters were asked for. Please try again later."))
        return redirect("portal:delegates")
    try:
        given = delegate_account.give_account(delegation_id=delegation_id, delegate=request.user, email=email)
    except DelegationUnknown:
        raise Http404 from None
    except DelegationForbidden:
        messages.info(request, _("The person has an account already."))
        return redirect("portal:delegates")
    if given:
        letter = ResetPasswordForm({"email": email})
        letter.is_valid()
        letter.save(request)
    else:
        get_adapter().send_account_already_exists_mail(email)
    messages.success(request, _("A letter is on its way to this address. By it the person chooses a password."))
    return redirect("portal:delegates")


@never_cache
@login_required
@require_POST
def act_for(request: SignedIn) -> HttpResponse:
    """Act for somebody from now on; without `delegation`, for oneself again."""
    chosen = request.POST.get("delegation")
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = ""
    if not chosen:
        stop_acting(request)
        return redirect(target or "portal:home")
    try:
        by = act(request, uuid.UUID(chosen))
    except ValueError:
        raise BadRequest from None
    if by is None:
        messages.error(request, _("You cannot act for this person now."))
        return redirect("portal:delegates")
    return redirect(target or "portal:home")


def _page(request: SignedIn, **more: Any) -> HttpResponse:
    now = timezone.now()
    mine = Delegation.objects.select_related("principal").filter(delegate=request.user).order_by("-requested_at")
    open_ones = Q(state=Delegation.State.REQUESTED) | Q(state=Delegation.State.APPROVED)
    theirs = Delegation.objects.select_related("delegate").filter(open_ones, principal=request.user)
    return render(
        request,
        "portal/delegates.html",
        {
            "acting": [told.acting(each, stands=each.stands(now)) for each in mine[:_SHOWN]],
            "acted_for": [(each, told.relationship(each)) for each in theirs.order_by("-requested_at")],
            "lasts": words.term(delegate_invite.LASTS),
            **more,
        },
    )


def _form(request: SignedIn, way: str, form: AskToAct, *, status: int = 200) -> HttpResponse:
    return render(request, "portal/delegate.html", {"form": form, "way": way}, status=status)
