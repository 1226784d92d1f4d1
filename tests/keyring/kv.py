"""A server with the HTTP API of OpenBao's and Vault's KV version 2, in memory: versions, check-and-set, soft and hard deletes, listing.

What it does is what the API's description says: https://openbao.org/api-docs/secret/kv/kv-v2/
"""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

MAX_VERSIONS = 10


class Secret:
    def __init__(self):
        self.versions, self.current, self.oldest, self.max_versions = {}, 0, 0, 0
        self.created = _now()

    def write(self, data):
        self.current += 1
        self.versions[self.current] = {"data": data, "created": _now(), "deleted": "", "destroyed": False}
        for number in sorted(self.versions)[: -(self.max_versions or MAX_VERSIONS)]:
            del self.versions[number]
        self.oldest = min(self.versions)
        return self.about(self.current)

    def about(self, number):
        version = self.versions[number]
        return {
            "version": number,
            "created_time": version["created"],
            "deletion_time": version["deleted"],
            "destroyed": version["destroyed"],
            "custom_metadata": None,
        }


class KV:
    """The engine of one mount; `calls` keeps what was asked."""

    def __init__(self, *, token="s.token", mount="consonant"):
        self.token, self.mount = token, mount
        self.secrets, self.calls, self.sealed, self.moved = {}, [], False, ""
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"kv": self}))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def memory(self):
        """Every byte of data that the server still has, of every version."""
        with self.lock:
            return json.dumps([[p, n, v["data"]] for p, s in self.secrets.items() for n, v in s.versions.items()])

    def answer(self, method, path, query, body, token):
        with self.lock:
            self.calls.append((method, path))
            if self.sealed:
                return 503, {"errors": ["Vault is sealed"]}
            if token != self.token:
                return 403, {"errors": ["permission denied"]}
            mount, _, rest = path.removeprefix("/v1/").partition("/")
            verb, _, name = rest.partition("/")
            if mount != self.mount or ".." in name:
                return 404, {"errors": ["no handler for route"]}
            if method == "GET" and query.get("list") == ["true"]:
                method = "LIST"
            do = getattr(self, f"_{method.lower()}_{verb}", None)
            return do(name, query, body) if do else (405, {"errors": ["unsupported operation"]})

    def _get_data(self, name, query, body):
        secret = self.secrets.get(name)
        number = int(query.get("version", ["0"])[0]) or (secret.current if secret else 0)
        if secret is None or number not in secret.versions:
            return 404, {"errors": []}
        version = secret.versions[number]
        gone = version["deleted"] or version["destroyed"]
        data = {"data": None if gone else version["data"], "metadata": secret.about(number)}
        return 404 if gone else 200, {"data": data}

    def _post_data(self, name, query, body):
        secret = self.secrets.get(name)
        cas = body.get("options", {}).get("cas")
        if cas is not None and cas != (secret.current if secret else 0):
            return 400, {"errors": ["check-and-set parameter did not match the current version"]}
        if not isinstance(body.get("data"), dict):
            return 400, {"errors": ["no data provided"]}
        secret = self.secrets.setdefault(name, Secret())
        return 200, {"data": secret.write(body["data"])}

    _put_data = _post_data

    def _delete_data(self, name, query, body):
        secret = self.secrets.get(name)
        return self._post_delete(name, query, {"versions": [secret.current] if secret else []})

    def _post_delete(self, name, query, body):
        for version in self._named(name, body):
            version["deleted"] = version["deleted"] or _now()
        return 204, None

    def _post_undelete(self, name, query, body):
        for version in self._named(name, body):
            version["deleted"] = ""
        return 204, None

    def _post_destroy(self, name, query, body):
        for version in self._named(name, body):
            version.update(destroyed=True, data=None)
        return 204, None

    _put_delete, _put_undelete, _put_destroy = _post_delete, _post_undelete, _post_destroy

    def _named(self, name, body):
        secret = self.secrets.get(name)
        return [secret.versions[n] for n in body["versions"] if n in secret.versions] if secret else []

    def _get_metadata(self, name, query, body):
        secret = self.secrets.get(name)
        if secret is None:
            return 404, {"errors": []}
        versions = {str(n): secret.about(n) for n in secret.versions}
        about = {
            "current_version": secret.current,
            "oldest_version": secret.oldest,
            "max_versions": secret.max_versions,
        }
        return 200, {"data": about | {"created_time": secret.created, "versions": versions}}

    def _post_metadata(self, name, query, body):
        self.secrets.setdefault(name, Secret()).max_versions = body.get("max_versions", 0)
        return 204, None

    _put_metadata = _post_metadata

    def _delete_metadata(self, name, query, body):
        self.secrets.pop(name, None)
        return 204, None

    def _list_metadata(self, name, query, body):
        folder = name.rstrip("/") + "/" if name else ""
        inside = (path.removeprefix(folder) for path in self.secrets if path.startswith(folder))
        keys = sorted({path.partition("/")[0] + ("/" if "/" in path else "") for path in inside})
        return (200, {"data": {"keys": keys}}) if keys else (404, {"errors": []})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    kv: KV

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.kv.moved:
            return self._say(307, None, Location=self.kv.moved)
        url = urlsplit(self.path)
        words = (self.command, unquote(url.path), parse_qs(url.query), json.loads(body or b"{}"))
        status, answer = self.kv.answer(*words, self.headers.get("X-Vault-Token"))
        return self._say(status, answer)

    def _say(self, status, answer, **headers):
        data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _serve  # noqa: N815 - the library's names

    def log_message(self, *_):
        pass


def _now():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
