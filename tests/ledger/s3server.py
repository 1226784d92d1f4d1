"""An S3 server for tests: moto's, in a process of its own, on a port of its own; optionally one that knows no conditional puts."""

import os
import subprocess
import sys
from contextlib import contextmanager

import boto3

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@contextmanager
def s3_server(*flags):
    """Give the address of a server that ends with the block."""
    process = subprocess.Popen([sys.executable, __file__, *flags], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def s3_client(endpoint):
    """Return a client that is none of the code under test."""
    return boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    ).client("s3", endpoint_url=endpoint)


def serve(flags):
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_):
            pass

    application = DomainDispatcherApplication(create_backend_app)

    def other(environ, start_response):
        """A server from before conditional puts: it takes no notice of the header, or says that it does not know it."""
        condition = environ.pop("HTTP_IF_NONE_MATCH", None)
        if condition and environ["REQUEST_METHOD"] == "PUT" and "--refuses" in flags:
            start_response("501 Not Implemented", [("Content-Type", "application/xml")])
            return [b"<Error><Code>NotImplemented</Code><Message>no such header</Message></Error>"]
        return application(environ, start_response)

    server = make_server("127.0.0.1", 0, other if flags else application, threaded=True, request_handler=Quiet)
    os.write(1, f"{server.server_port}\n".encode())
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1:])
