"""Reads the portal's pages as a browser would: headings, forms, and what a click on a button sends.

Nothing here knows a page of ours: a form is found by the address it posts to or by the answer a button of it gives. Pure.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin


class NoSuchForm(LookupError):
    """The page does not have that form or that button."""


@dataclass
class Form:
    """A form: where it goes, what it sends in any case (the CSRF token too), and the answers a person can choose from."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: list[tuple[str, str]] = field(default_factory=list)

    def answers(self) -> set[str]:
        """Return every value that a person can send with it."""
        return {*self.fields.values(), *(value for _, value in self.choices)} if self.method == "post" else set()

    def click(self, *answers: str) -> dict[str, str]:
        """Return what is sent when the person chooses each of `answers`, or presses the only button."""
        sent = dict(self.fields)
        for answer in answers:
            found = [(name, value) for name, value in self.choices if value == answer]
            if not found and answer not in self.fields.values():
                raise NoSuchForm(answer)
            sent.update(found[:1])
        return sent


class Page(HTMLParser):
    """One page: its first heading and its forms."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url = url
        self.heading = ""
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._in_heading = False
        self.feed(text)
        self.close()
        self.heading = " ".join(self.heading.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a heading, a form, or a field of the form that is open."""
        found = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._in_heading = not self.heading
        elif tag == "form":
            action = urljoin(self.url, found.get("action", ""))
            self._form = Form(action, found.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag in {"input", "button"} and self._form is not None and found.get("name"):
            kind = found.get("type", "submit" if tag == "button" else "text")
            pair = (found["name"], found.get("value", "on" if kind == "checkbox" else ""))
            if kind in {"submit", "radio", "checkbox"}:
                self._form.choices.append(pair)
            elif kind not in {"button", "reset", "image"}:
                self._form.fields[pair[0]] = pair[1]

    def handle_endtag(self, tag: str) -> None:
        """Close a heading or a form."""
        if tag == "h1":
            self._in_heading = False
        elif tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        """Collect the heading."""
        if self._in_heading:
            self.heading += data

    def form_to(self, part: str) -> Form:
        """Return the form that posts to an address with `part` in it."""
        for form in self.forms:
            if part in form.action and form.method == "post":
                return form
        raise NoSuchForm(part)

    def has_form_with(self, answer: str) -> bool:
        """Say whether a person can answer `answer` here."""
        return any(answer in form.answers() for form in self.forms)

    def form_with(self, answer: str) -> Form:
        """Return the form in which a person can answer `answer`."""
        for form in self.forms:
            if answer in form.answers():
                return form
        raise NoSuchForm(answer)
