"""Talk to the bank: `python -m examples.bank_assistant --customer NAME [--wav FILE] --secret FILE`, with the SDK's settings in the environment.

Without a file it listens to the microphone. The secret is what the device and the bank share (16 bytes or more); a new key is made of it for each
session. Exit status: 0, the bank answered; 1, it may not listen; 2, something is missing.
"""

import argparse
import os
import sys
from pathlib import Path

from consonant import Client, Misconfigured, NotAllowed, Unavailable
from consonant.bank import client_of

from examples.bank_assistant.device import OPERATIONS, PURPOSE, desk_here, from_file, from_microphone, talk


def main() -> int:
    """Run one talk; return the exit status."""
    parser = argparse.ArgumentParser(prog="bank_assistant", description=__doc__)
    parser.add_argument("--customer", required=True, help="the bank's name for the customer")
    parser.add_argument("--secret", required=True, type=Path, help="a file of what device and bank share")
    parser.add_argument("--wav", type=Path, help="a recording, 16 kHz, in the place of the microphone")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long to listen")
    given = parser.parse_args()
    try:
        # A bank's app shows a certificate; without one only a service on this machine is spoken to.
        client = client_of() if os.environ.get("CONSONANT_CLIENT_CERT") else Client.from_env()
        secret = given.secret.read_bytes()
    except (Misconfigured, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    with client:
        if client.grant_of(given.customer, PURPOSE) is None:
            asked = client.ask(given.customer, PURPOSE, operations=OPERATIONS)
            print(f"Answer first, here: {asked.url}", flush=True)
            if client.answer(asked).state != "given":
                print("Nothing was listened to.")
                return 1
        sound = from_file(given.wav) if given.wav else from_microphone(given.seconds)
        try:
            answer = talk(client, subject_ref=given.customer, secret=secret, sound=sound, desk=desk_here(given.secret))
        except (NotAllowed, Unavailable) as refused:
            print(f"Nothing was sent: {refused}")
            return 1
    print(f"understood: {answer.understood or 'nothing'}")
    print(f"muted before it left: {answer.muted_seconds:.1f} s")
    print(f"entered: {' '.join(answer.entries)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
