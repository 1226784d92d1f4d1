"""What an authenticator app does (RFC 6238 with the values that all of them take: SHA-1, 30 seconds, six digits)."""

import base64
import hmac
import re
import struct
import time
from hashlib import sha1


def code_of(secret, at=None):
    """Return the code that an app shows at this moment; the next one, if this one ends within a second."""
    if at is None:
        if (left := 30 - time.time() % 30) < 1:
            time.sleep(left)
        at = time.time()
    counter = int(at // 30)
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", counter), sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def wrong(code):
    """Return another code, which no clock makes of the same secret within minutes but by a chance of one in a million."""
    return f"{(int(code) + 1) % 10**6:06}"


def secret_on(page):
    """Read the secret off the page on which an app is set up."""
    return re.search(r'id="authenticator_secret">([A-Z2-7]{32})<', page)[1]
