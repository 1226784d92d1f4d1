"""A timestamp authority for tests: `openssl ts` behind a small HTTP server, with a root, an intermediate and a signing certificate of its own."""

import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPLY = "application/timestamp-reply"


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class Authority:
    """`ways` are answers to give before the ordinary one: each takes the handler and the query, and answers."""

    def __init__(self, folder, name="Time"):
        self.folder, self.ways, self.asked = folder, [], 0
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl(
            folder,
            "req",
            "-x509",
            *ec,
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
            "-subj",
            f"/CN={name} root",
            "-days",
            "9",
        )
        self._issue("middle", f"/O=An organisation/CN={name} authority", "root", "basicConstraints=critical,CA:TRUE")
        self._issue("signer", f"/CN={name}", "middle", "extendedKeyUsage=critical,timeStamping")
        self._issue("useless", f"/CN={name}", "middle", "extendedKeyUsage=critical,emailProtection")
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(
            "[tsa]\ndefault_tsa=own\n[own]\nserial=serial\nsigner_cert=signer.pem\ncerts=middle.pem\nsigner_key=signer.key\n"
            "signer_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n"
        )

    @property
    def roots(self):
        return self.folder / "root.pem"

    def reply(self, query):
        """Return the authority's reply, DER."""
        (self.folder / "query").write_bytes(query)
        openssl(self.folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def reply_signed_by(self, name, query):
        """Return a reply that another of the certificates signed, which `openssl ts` refuses to make."""
        (self.folder / "good").write_bytes(self.reply(query))
        openssl(self.folder, "ts", "-reply", "-in", "good", "-token_out", "-out", "token")
        openssl(self.folder, "cms", "-verify", "-noverify", "-inform", "DER", "-in", "token", "-out", "info")
        info_type = "1.2.840.113549.1.9.16.1.4"
        signed = ("-econtent_type", info_type, "-outform", "DER", "-nodetach", "-binary", "-cades")
        by = ("-signer", f"{name}.pem", "-inkey", f"{name}.key", "-certfile", "middle.pem")
        openssl(self.folder, "cms", "-sign", "-in", "info", *signed, *by, "-out", "token")
        body = b"\x30\x03\x02\x01\x00" + (self.folder / "token").read_bytes()
        return b"\x30\x82" + len(body).to_bytes(2, "big") + body

    def _issue(self, name, subject, issuer, extension):
        # The library wants the certificates in DER's order, the shorter first, and openssl puts the signer's first.
        key = ["rsa:2048"] if name == "middle" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl(
            self.folder,
            "req",
            "-newkey",
            *key,
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            subject,
        )
        (self.folder / "extension").write_text(extension)
        by = ("-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial")
        openssl(
            self.folder,
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            *by,
            "-out",
            f"{name}.pem",
            "-days",
            "9",
            "-extfile",
            "extension",
        )


@contextmanager
def serving(authority):
    """Give the authority's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked += 1
            assert self.headers["Content-Type"] == "application/timestamp-query"
            way = (
                authority.ways.pop(0)
                if authority.ways
                else lambda handler, query: answer(handler, authority.reply(query))
            )
            way(self, query)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler, body, status=200, kind=REPLY, **headers):
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def never_ending(handler, _query):
    """Drip for ever, a byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Type", REPLY)
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass
