"""Collects the texts of the pages and of the code, and brings the catalogues up to date: `python -m deploy.messages`.

Needs no gettext of the system: Django turns templates into something that Babel reads. A text that is new gets an empty translation in
Chinese, and itself in English; one that is gone leaves; one whose English has changed is a new one. Only .po files are kept in the repository; .mo files are compiled where they run.
"""

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("accounts", "config", "consent", "hooks", "keyring", "ledger", "portal", "retention", "vault", "zkp")
LOCALES = ("en", "zh_Hans")
_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}


def catalogue_of(locale: str) -> Path:
    """Return where a language's catalogue lies."""
    return PROJECT / "locale" / locale / "LC_MESSAGES" / "django.po"


def collect() -> Catalog:
    """Return every text that can be translated, with the files it is in."""
    found = Catalog(charset="utf-8")
    python = [path for package in PACKAGES for path in sorted((PROJECT / package).rglob("*.py"))]
    templates = sorted((PROJECT / "templates").rglob("*.*"))
    for path in [*python, *templates]:
        name = path.relative_to(PROJECT).as_posix()
        source = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            # What is no text comes back as blanks and letters; only its indentation could trouble a reader of Python.
            source = "\n".join(line.lstrip() for line in templatize(source, origin=name).splitlines())
        for _line, text, comments, context in extract("python", BytesIO(source.encode()), keywords=_KEYWORDS):
            found.add(text, locations=[(name, None)], auto_comments=comments, context=context)  # type: ignore[list-item]
    return found


def forms(said: object) -> list[object]:
    """Return a text's forms: one, or as many as the language has plurals."""
    return list(said) if isinstance(said, list | tuple) else [said]


def read(locale: str) -> Catalog:
    """Return a language's catalogue as it is kept; empty if there is none."""
    path = catalogue_of(locale)
    if not path.exists():
        return Catalog(locale=locale, charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=locale, domain="django")


def merged(locale: str, texts: Catalog) -> Catalog:
    """Return the catalogue with exactly these texts, and the translations it had for them."""
    kept = read(locale)
    made = Catalog(locale=locale, charset="utf-8", fuzzy=False, header_comment=f"# Consonant, {locale}.")
    made.mime_headers = [
        pair for pair in made.mime_headers if pair[0] in {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
    ] + [("Language", locale), ("Plural-Forms", made.plural_forms)]
    for text in sorted((text for text in texts if text.id), key=lambda text: (str(text.id), text.context or "")):
        before = kept.get(text.id, text.context)
        said = before.string if before else ""
        if locale == "en" and not all(forms(said)):
            said = text.id
        places: list[Any] = [(name, None) for name in sorted({name for name, _ in text.locations})]
        made.add(text.id, said, places, text.flags, context=text.context)
    return made


def write(catalogue: Catalog, path: Path) -> None:
    """Write a catalogue; the same texts give the same bytes."""
    out = BytesIO()
    write_po(out, catalogue, width=120, omit_header=True)
    plural = catalogue.plural_forms
    head = (
        f"# Consonant's texts. Brought up to date by: python -m deploy.messages\n"
        f'msgid ""\nmsgstr ""\n"Language: {catalogue.locale_identifier}\\n"\n"MIME-Version: 1.0\\n"\n'
        f'"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n"Plural-Forms: {plural}\\n"\n\n'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + out.getvalue())


def main() -> int:
    """Bring every catalogue up to date; 1 if a translation is missing, and say which."""
    texts = collect()
    missing = 0
    for locale in LOCALES:
        catalogue = merged(locale, texts)
        write(catalogue, catalogue_of(locale))
        for text in catalogue:
            if text.id and not all(forms(text.string)):
                missing += 1
                print(f"{locale}: no translation of {text.id!r}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
