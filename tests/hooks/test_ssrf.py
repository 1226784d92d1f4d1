"""Ways inside through a hook's address, each tried for real: nothing that listens on this machine hears of them."""

import http.server
import socket
import threading

import httpx
import pytest
from django.utils import timezone

from hooks import target
from hooks.deliver import post
from hooks.errors import TargetRefused

BODY = {
    "event_id": "01a1fd10-5873-723e-b720-247745468ff0",
    "body": '{"type": "consent.given"}',
    "secrets": ["whsec_c2VjcmV0"],
}


@pytest.fixture
def inside():
    """Something that listens on this machine alone; how many connections it was asked for."""
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - its name

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port, heard
    server.shutdown()
    thread.join()
    server.server_close()


def send(url, *, resolver=None, private=False):
    transport = target.CheckedTransport(private=private, **({"resolver": resolver} if resolver else {}))
    with httpx.Client(transport=transport, trust_env=False, follow_redirects=False) as client:
        return post(client, url, now=timezone.now(), **BODY)


def refused(inside, url, **words):
    with pytest.raises((TargetRefused, httpx.UnsupportedProtocol, httpx.InvalidURL)):
        send(url, **words)
    assert inside[1] == []


@pytest.mark.parametrize("scheme", ["file", "gopher", "ftp", "dict", "http", "unix"])
def test_ssrf_other_schemes(inside, scheme):
    refused(inside, f"{scheme}://127.0.0.1:{inside[0]}/etc/passwd")


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1", "0177.0.0.1", "0", "localhost"]
)
def test_ssrf_decimal_octal_hex_and_short_addresses(inside, host):
    """The system's resolver reads each of them as this machine."""
    assert socket.getaddrinfo(host, inside[0], type=socket.SOCK_STREAM), "else this would test nothing"
    refused(inside, f"https://{host}:{inside[0]}/")


@pytest.mark.parametrize(
    "host",
    ["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[fe80::1]",
     "[fd00::1]", "[::127.0.0.1]"],
)  # fmt: skip
def test_ssrf_ipv6_and_ipv4_mapped_into_it(inside, host):
    refused(inside, f"https://{host}:{inside[0]}/")


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255"],
)
def test_ssrf_addresses_of_inner_networks(inside, address):
    refused(inside, f"https://{address}/latest/meta-data/")


def test_ssrf_a_name_of_an_inner_address(inside):
    refused(inside, f"https://app.test:{inside[0]}/", resolver=lambda *_: ["127.0.0.1"])
    refused(inside, f"https://app.test:{inside[0]}/", resolver=lambda *_: ["93.184.215.14", "127.0.0.1"])


def test_ssrf_dns_rebinding(inside, monkeypatch):
    """A name that is public when it is looked at, and of this machine when it is looked at again, is looked at once."""
    asked, connected = [], []

    def resolver(host, port):
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(self, host, port, *_):
        connected.append(host)
        raise target.httpcore.ConnectError("nobody is asked in a test")

    monkeypatch.setattr(target.httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(httpx.ConnectError):
        send(f"https://rebind.test:{inside[0]}/", resolver=resolver)
    assert (asked, connected) == (["rebind.test"], ["93.184.215.14"])
    refused(inside, f"https://rebind.test:{inside[0]}/", resolver=resolver)
    assert connected == ["93.184.215.14"], "the next delivery looks anew, and sees that it leads inside"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_ssrf_redirect_to_loopback(inside, receiver, status):
    receiver.status, receiver.headers = status, {"Location": f"http://127.0.0.1:{inside[0]}/secret"}
    receiver._check = lambda *_: None
    answer = send(receiver.url, private=True)
    assert answer.status_code == status
    assert inside[1] == []


def test_ssrf_no_proxy_of_the_environment(inside, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{inside[0]}")
    refused(inside, "https://10.0.0.1/")


@pytest.mark.parametrize(
    "url", ["https://user@1.1.1.1/", "https://user:word@1.1.1.1/", "https://1.1.1.1/#x", "https:///x"]
)
def test_ssrf_credentials_fragments_and_no_host(inside, url):
    refused(inside, url)
