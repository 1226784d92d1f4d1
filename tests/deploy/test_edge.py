"""The nginx edge of deploy/hosts, run: who gets in, with what, and what it leaves behind."""

import datetime as dt
import gzip
import http.server
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deploy.stack import PROJECT, free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
EDGE = PROJECT / "deploy" / "hosts" / "nginx" / "edge.conf"
NAME = "edge.example.org"
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not here")


def issue(folder, name, *, by=None, authority=False):
    """Make a key and a certificate by `by` (by itself), and write both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (by[0].subject, by[1]) if by else (subject, key)
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(*(True, False, False, False, False, authority, authority, False, False)), critical=True
        )
        .sign(signer, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)
    return certificate, key


class Upstream(http.server.BaseHTTPRequestHandler):
    """Stands where the service does: answers with what came, slowly where it is asked to."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
                self.server.seen.append(len(body))
            self.rfile.readline()
        else:
            length = int(self.headers.get("Content-Length", 0))
            body = b""
            while len(body) < length:
                body += self.rfile.read1(length - len(body))
                self.server.seen.append(len(body))
        said = json.dumps({"path": self.path, "headers": dict(self.headers), "size": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST  # noqa: N815 - the name that the library calls

    def log_message(self, *_):
        pass


class Edge:
    """One nginx with the shipped file, its paths and its port replaced."""

    def __init__(self, folder, upstream_port, *, change=lambda text: text):
        self.folder, self.port = folder, free_port()
        text = EDGE.read_text(encoding="utf-8")
        for old, new in {
            "/etc/consonant/edge/server.crt": f"{folder}/{NAME}.crt",
            "/etc/consonant/edge/server.key": f"{folder}/{NAME}.key",
            "/etc/consonant/edge/hosts-ca.crt": f"{folder}/hosts-ca.crt",
            "/var/log/nginx/consonant-edge.log": f"{folder}/access.log",
            "/var/log/nginx/consonant-edge-error.log": f"{folder}/error.log",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "127.0.0.1:8000": f"127.0.0.1:{upstream_port}",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        temporary = "".join(
            f"{name}_temp_path {folder}/temp/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "temp").mkdir(exist_ok=True)
        self.conf = folder / "nginx.conf"
        self.conf.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/start.log;\n"
            f"events {{}}\nhttp {{\n{temporary}{change(text)}\n}}\n",
            encoding="utf-8",
        )

    def __enter__(self):
        command = [NGINX, "-e", str(self.folder / "start.log"), "-p", str(self.folder), "-c", str(self.conf)]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert "[warn]" not in checked.stderr
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.listens():
            assert self.process.poll() is None, (self.folder / "start.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)

    def context(self, *, who="voice-1", highest=ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=self.folder / "edge-ca.crt")
        context.maximum_version = highest
        if who:
            context.load_cert_chain(self.folder / f"{who}.crt", self.folder / f"{who}.key")
        return context

    def client(self, **how):
        """A client that finds the edge's name at its port here."""
        return httpx.Client(
            verify=self.context(**how),
            base_url=f"https://127.0.0.1:{self.port}",
            trust_env=False,
            headers={"Host": NAME},
        )

    def call(self, method, path, *, who="voice-1", highest=ssl.TLSVersion.TLSv1_3, **words):
        with self.client(who=who, highest=highest) as client:
            return client.request(method, path, extensions={"sni_hostname": NAME}, **words)

    def logs(self):
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="consonant-edge-") as name:
        folder = Path(name)
        authority = issue(folder, "edge-ca", authority=True)
        issue(folder, NAME, by=authority)
        issue(folder, "voice-1", by=issue(folder, "hosts-ca", authority=True))
        issue(folder, "stranger", by=issue(folder, "other-ca", authority=True))
        yield folder


@pytest.fixture(scope="module")
def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.seen = []
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def edge(folder, upstream):
    with Edge(folder, upstream.server_port) as running:
        yield running


def test_s2_6_only_a_host_with_a_certificate_of_ours_gets_in(edge):
    answer = edge.call("POST", "/api/v1/heartbeats", json={})
    assert answer.status_code == 200
    assert edge.call("POST", "/api/v1/heartbeats", who=None, json={}).status_code == 400, "nginx refuses in words"
    assert "No required SSL certificate" in edge.call("GET", "/api/v1/alerts", who=None).text
    assert edge.call("POST", "/api/v1/heartbeats", who="stranger", json={}).status_code == 400
    assert edge.call("POST", "/api/v1/heartbeats", who="edge.example.org", json={}).status_code == 400


def test_s2_6_nothing_older_than_tls_1_3(edge):
    with pytest.raises(httpx.ConnectError, match=r"protocol version|PROTOCOL_VERSION"):
        edge.call("GET", "/api/v1/alerts", highest=ssl.TLSVersion.TLSv1_2)


def s_client(edge, *arguments, text=""):
    folder = edge.folder
    command = [
        *("openssl", "s_client", "-connect", f"127.0.0.1:{edge.port}", "-servername", NAME, "-tls1_3", "-CAfile"),
        *(f"{folder}/edge-ca.crt", "-cert", f"{folder}/voice-1.crt", "-key", f"{folder}/voice-1.key", "-no_ign_eof"),
    ]
    done = subprocess.run([*command, *arguments], input=text, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


REQUEST = f"GET /api/v1/alerts HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"


def early(edge):
    """Come back with a session's ticket and send the request before the handshake is over; return what openssl says of it."""
    session, request = edge.folder / "session", edge.folder / "request"
    session.unlink(missing_ok=True)
    request.write_text(REQUEST)
    process = subprocess.Popen(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{edge.port}", "-servername", NAME, "-tls1_3", "-ign_eof"),
            *("-cert", f"{edge.folder}/voice-1.crt", "-key", f"{edge.folder}/voice-1.key", "-sess_out", str(session)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.communicate(REQUEST, timeout=20)
    if not session.exists():
        return "no session"
    return s_client(edge, "-sess_in", str(session), "-early_data", str(request))


def test_s2_6_no_early_data_is_taken_for_it_can_be_replayed(edge, folder, upstream):
    assert "Early data was accepted" not in early(edge)
    # The same question of an edge that takes it, else the answer would say nothing.
    other = folder / "early"
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("temp", "*.log", "pid", "nginx.conf", "session"))

    def opened(text):
        for old, new in {
            "ssl_early_data off": "ssl_early_data on",
            "ssl_session_tickets off": "ssl_session_tickets on",
            "ssl_session_cache off": "ssl_session_cache shared:s:1m",
            "ssl_verify_client on": "ssl_verify_client off",
        }.items():
            assert old in text
            text = text.replace(old, new)
        return text

    with Edge(other, upstream.server_port, change=opened) as lax:
        assert "Early data was accepted" in early(lax)


def test_the_service_is_told_who_came_and_by_which_way_and_no_caller_can_say_it_for_itself(edge):
    forged = {
        "X-Client-Cert": "forged",
        "X-Client-Verify": "NONE",
        "X-Forwarded-For": "203.0.113.1",
        "X-Forwarded-Proto": "http",
        "Forwarded": "for=203.0.113.1",
        "Early-Data": "1",
        "Authorization": "Bearer cgt_token",
    }
    said = edge.call("POST", "/api/v1/telemetry?x=1", headers=forged, content=gzip.compress(b"{}\n")).json()
    headers = {name.lower(): value for name, value in said["headers"].items()}
    assert said["path"] == "/api/v1/telemetry?x=1"
    certificate = x509.load_pem_x509_certificate(urllib.parse.unquote(headers["x-client-cert"]).encode())
    assert certificate.subject.rfc4514_string() == "CN=voice-1"
    assert headers["x-client-verify"] == "SUCCESS"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == NAME
    assert headers["authorization"] == "Bearer cgt_token", "the service asks for it besides"
    assert not {"forwarded", "early-data", "x-forwarded-host"} & headers.keys()


@pytest.mark.parametrize(
    "path", ["/", "/admin/", "/accounts/login/", "/consent/abc/", "/metrics", "/api/docs/", "/apiary"]
)
def test_pages_of_people_and_of_officers_are_not_here(edge, path):
    assert edge.call("GET", path).status_code == 404


def test_nothing_of_a_recording_lies_in_a_file_of_the_edge(edge, upstream):
    """A body far above any buffer, sent in two halves: between them the service has the first, and the folder of temporary files is empty."""
    upstream.seen.clear()
    half = os.urandom(4 * 1024 * 1024)
    between = []

    def body():
        yield half
        deadline = time.monotonic() + 10
        while not (upstream.seen and upstream.seen[-1] > len(half) // 2):
            assert time.monotonic() < deadline, "the first half was held back"
            time.sleep(0.02)
        between.extend(path for path in (edge.folder / "temp").rglob("*") if path.is_file())
        yield half

    answer = edge.call("POST", "/api/v1/uploads", content=body(), timeout=30)
    assert answer.json()["size"] == 2 * len(half)
    assert between == []
    assert edge.call("POST", "/api/v1/uploads", content=bytes(17 * 1024 * 1024 + 1)).status_code == 413


def test_the_edges_logs_hold_no_secret_also_when_the_service_is_away(edge, folder):
    secret = "s3cret-" + "w" * 20
    asks = (
        f"/api/v1/consent-requests/{secret}",
        f"/v1/voice/consent/{secret}",
        f"/api/v1/grants?subject_ref={secret}",
        f"/consent/{secret}/",
    )
    for path in asks:
        edge.call("GET", path, headers={"Authorization": f"Bearer {secret}", "Cookie": secret, "Referer": secret})
    gone = folder / "gone"
    shutil.copytree(folder, gone, ignore=shutil.ignore_patterns("temp", "*.log", "pid", "nginx.conf", "early", "gone"))
    with Edge(gone, free_port()) as alone:
        assert alone.call("GET", asks[0]).status_code == 502
        alone.call("GET", asks[0], who=None)
    said = edge.logs() + alone.logs()
    assert secret not in said
    assert re.search(r" GET /api/v1/consent-requests 200 [\d.]+ TLSv1\.3 SUCCESS\n", said)
    assert re.search(r" GET /v1/voice/consent 200 ", said)
    assert " GET /... 404 " in said
