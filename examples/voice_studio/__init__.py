"""A voice app that refuses to run without consent: `make studio` starts it beside the service.

It measures a person's voice (a real embedding, and the pitch), and lets the machine's own speech synthesis talk with the one of its voices
that comes nearest, at that pitch. That is no clone, and it does not pretend to be one; but it is a voice made after a person's, so all of it
is asked, recorded, marked and cleared away.
"""
