"""The studio's page, by Gradio: who you are, your sample, what to say; and at each step what the ledger has entered.

Gradio keeps what is uploaded and shown in its temporary folder. Here samples go with the use, clips when the page is closed or after five
minutes (`delete_cache`); what is left after a crash is the guard's (`consonant guard --watch`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from consonant import ConsonantError, NotAllowed, Rejected, Unavailable
from consonant.adapters.fastapi import hooks
from fastapi import FastAPI, Request, Response

from examples.voice_studio.hook import PATH, receiver_of
from examples.voice_studio.studio import LONGEST_TEXT, OPERATIONS, PURPOSE, TERM, Step, Studio

CSS = Path(__file__).with_name("style.css")
SAMPLE_SECONDS = 10
KEEP_SECONDS = 300
EXAMPLE = "Good morning. This is what a machine makes of my voice."
WAITING = {"requested": "It waits for your answer.", "deferred": "You put the answer off; it can still be given."}
ANSWERED = {
    "given": "You allowed it. Each use asks again, and you can switch it off in the portal at any time.",
    "refused": "You refused. Nothing of your voice is used, and this page stays as it is.",
    "expired": "Nobody answered in time.",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob: data:; worker-src 'self' blob:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
"""Nothing of this page is asked of anybody else, whatever Gradio would like to load."""


def name_of(name: str, secret: str) -> str:
    """Return the app's name for a user: what they call themselves, under a secret of their browser. Another browser's is another user."""
    mark = hmac.new(secret.encode(), name.strip().casefold().encode(), hashlib.sha256).hexdigest()
    return f"studio-{mark[:32]}"


def told(state: str, sentence: str, cure: str = "", *, link: str = "") -> str:
    """Return what a person reads, as a region that is read out when it changes."""
    answer = (
        f'<a class="act" href="{escape(link)}" target="_blank" rel="noopener">Answer in the portal</a>' if link else ""
    )
    more = f"<small>{escape(cure)}</small>" if cure else ""
    return f'<div class="told {state}" role="status"><p>{escape(sentence)}</p>{more}{answer}</div>'


def listed(entries: tuple[str, ...], portal: str) -> str:
    """Return the entries of a use, and the way to where the person sees and checks them."""
    if not entries:
        return ""
    rows = "".join(f"<li><code>{escape(each)}</code></li>" for each in entries)
    return (
        f'<section class="entries"><h3>Entered in the ledger</h3><ol>{rows}</ol>'
        f'<a class="act" href="{escape(portal)}/records/" target="_blank" rel="noopener">Check them in your browser</a></section>'
    )


def page(studio: Studio, portal: str) -> gr.Blocks:  # noqa: C901, PLR0915 - a page and what its buttons do, told in one go
    """Return the page. `portal`: where the person answers and looks."""
    client = studio.client
    shown: dict[str, set[Path]] = {}
    """The clips that each open page shows, by its session; in memory."""
    kept = hmac.new(client.settings.client_secret.encode(), b"browser", hashlib.sha256).hexdigest()

    def begin(secret: str | None) -> str:
        return secret or secrets.token_urlsafe(16)

    def ask(name: str, secret: str) -> tuple[str, str | None]:
        if not name.strip():
            return told("refused", "Say first what you are called here."), None
        try:
            asked = client.ask(name_of(name, secret), PURPOSE, operations=OPERATIONS, term=TERM)
        except (NotAllowed, Rejected) as refused:
            return told("refused", str(refused), getattr(refused, "cure", "")), None
        except Unavailable:
            return told("refused", "The ledger cannot be asked now. Try again in a moment."), None
        return told("asked", WAITING["requested"], "The link is for you alone.", link=asked.url), asked.id

    def look(request: str | None) -> tuple[Any, str | None]:
        if request is None:
            return gr.skip(), None
        try:
            state = client.asked(request).state
        except ConsonantError:
            return gr.skip(), request
        if state in WAITING:
            return gr.skip(), request
        return told("done" if state == "given" else "refused", ANSWERED.get(state, state)), None

    def speak(  # noqa: PLR0913, PLR0917 - the fields of the page
        name: str,
        secret: str,
        sample: str | None,
        text: str,
        live: bool,  # noqa: FBT001
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        mine = shown.setdefault(str(request.session_hash), set())
        for clip in mine:
            studio.remove(clip)
        mine.clear()
        if not (name.strip() and sample and text.strip()):
            yield told("refused", "It takes a name, a sample and a text."), None, "", gr.skip()
            return
        if not studio.mouth.can_say(text):
            yield told("refused", "This machine's voices read English only."), None, "", gr.skip()
            return
        step = Step("working", "")
        for step in studio.speak(subject_ref=name_of(name, secret), sample=Path(sample), text=text, live=live):
            if step.clip:
                mine.add(step.clip)
            entries = listed(step.entries, portal)
            if step.state == "refused":
                # What had been made before it was stopped goes from the page too; the sample is gone already.
                for clip in mine:
                    studio.remove(clip)
                yield told(step.state, step.sentence, step.cure), None, gr.skip(), None
                return
            clip_shown = str(step.clip) if step.clip else None
            yield told(step.state, step.sentence), clip_shown, entries, None if step.state == "done" else gr.skip()

    def remove(request: gr.Request) -> tuple[Any, str]:
        for clip in shown.pop(str(request.session_hash), set()):
            studio.remove(clip)
        return None, told("done", "The clip is gone from here.")

    def leave(request: gr.Request) -> None:
        remove(request)

    with gr.Blocks(title="Voice Studio", analytics_enabled=False, delete_cache=(60, KEEP_SECONDS)) as blocks:
        secret = gr.BrowserState(None, storage_key="studio", secret=kept)
        request = gr.State(None)
        gr.HTML(
            '<header class="head"><h1>Voice Studio</h1><p>A text, spoken with a voice after yours. '
            f'Nothing happens without your consent, and <a href="{escape(portal)}/" target="_blank" rel="noopener">your portal</a> shows all of it.</p></header>'
        )
        with gr.Column(elem_classes="card"):
            gr.HTML("<h2>1. Your consent</h2>")
            name = gr.Textbox(label="What are you called here?", max_length=60, elem_id="name")
            asking = gr.Button("Ask for my consent", elem_id="ask")
            consent = gr.HTML("", elem_id="consent")
        with gr.Column(elem_classes="card"):
            gr.HTML(
                f"<h2>2. Your sample</h2><p>Up to {SAMPLE_SECONDS} seconds. It is deleted as soon as it has been used.</p>"
            )
            sample = gr.Audio(
                label="A sample of your voice",
                sources=["upload", "microphone"],
                type="filepath",
                buttons=[],
                editable=False,
                elem_id="sample",
            )
        with gr.Column(elem_classes="card"):
            gr.HTML("<h2>3. What shall it say?</h2>")
            text = gr.Textbox(label="Text", value=EXAMPLE, lines=3, max_length=LONGEST_TEXT, elem_id="text")
            live = gr.Checkbox(label="Read it to me sentence by sentence", elem_id="live")
            speaking = gr.Button("Speak", variant="primary", elem_id="speak")
            status = gr.HTML("", elem_id="status")
            clip = gr.Audio(
                label="AI-made speech, marked as such",
                interactive=False,
                autoplay=True,
                buttons=["download"],
                elem_id="clip",
            )
            removing = gr.Button("Delete the clip now", size="sm", elem_id="remove")
            entries = gr.HTML("", elem_id="entries")
        blocks.load(begin, secret, secret, api_visibility="private")
        asking.click(ask, [name, secret], [consent, request], api_visibility="private")
        gr.Timer(2).tick(look, request, [consent, request], show_progress="hidden", api_visibility="private")
        speaking.click(
            speak,
            [name, secret, sample, text, live],
            [status, clip, entries, sample],
            show_progress="hidden",
            api_visibility="private",
        )
        removing.click(remove, None, [clip, status], api_visibility="private")
        blocks.unload(leave)
    return blocks


def site(studio: Studio, *, portal: str | None = None) -> FastAPI:
    """Return the whole site: the page, and headers that let it ask nobody but us. `portal`: the ledger's own address when left out."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def _guard(request: Request, handle: Any) -> Response:
        response: Response = await handle(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=()"
        return response

    app.include_router(hooks(receiver_of(studio.client), PATH))
    plain = ["system-ui", "sans-serif"]
    return gr.mount_gradio_app(
        app,
        page(studio, (portal or studio.client.settings.url).rstrip("/")),
        path="/",
        theme=gr.themes.Default(font=plain, font_mono=["ui-monospace", "monospace"], primary_hue="teal"),
        css_paths=[CSS],
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size="16mb",
        ssr_mode=False,
        enable_monitoring=False,
    )
