"""What may not stand where it does not belong, and the ways in which it could."""

import base64
import json


def writings(value: bytes) -> set[str]:
    """How bytes can stand in a text: as they are, in hex (bytea too), in base64."""
    written = {
        value.hex(),
        base64.b64encode(value).decode().rstrip("="),
        base64.urlsafe_b64encode(value).decode().rstrip("="),
    }
    text = value.decode(errors="replace").strip()
    return written | ({text} if text.isprintable() and len(text) >= 8 else set())


def secret_words(stack) -> dict[str, bytes]:
    """What the secrets' files hold; of the logins, what is secret."""
    words = {}
    for path in (stack.var / "secrets").iterdir():
        if path.name == "demo.json":
            for who, login in json.loads(path.read_text()).items():
                words |= {
                    f"{who} {name}": text.encode() for name, text in login.items() if name not in {"email", "client_id"}
                }
        else:
            words[path.name] = path.read_bytes()
    return words
