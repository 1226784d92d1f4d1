"""Run the studio: `python -m examples.voice_studio [--host 127.0.0.1] [--port 7860]`, with the SDK's settings in the environment."""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Serve until told to stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="voice_studio", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--url", help="where the ledger reaches the studio; http://HOST:PORT when left out")
    parser.add_argument("--portal", help="where people answer and look; CONSONANT_URL when left out")
    parser.add_argument("--clip-ttl", default="PT5M", help="how long the ledger lets a clip live, ISO 8601")
    given = parser.parse_args()
    # Before Gradio is imported: where it puts what passes through it, and that it tells nobody.
    temporary = Path(os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(tempfile.gettempdir(), "gradio")))).absolute()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.umask(0o077)
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    import uvicorn
    from consonant import Client, Misconfigured

    from examples.voice_studio.hook import subscribe_soon
    from examples.voice_studio.page import site
    from examples.voice_studio.sound import NoMouth
    from examples.voice_studio.studio import Studio

    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        client = Client.from_env()
        studio = Studio(client, clips=temporary / "clips", clip_ttl=given.clip_ttl)
    except (Misconfigured, NoMouth) as error:
        print(error, file=sys.stderr)
        return 2
    with client:
        print(f"the studio is at http://{given.host}:{given.port}/", flush=True)
        subscribe_soon(client, url=(given.url or f"http://{given.host}:{given.port}").rstrip("/"))
        uvicorn.run(
            site(studio, portal=given.portal), host=given.host, port=given.port, log_level="warning", access_log=False
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
