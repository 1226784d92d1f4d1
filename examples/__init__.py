"""Programs that use a voice with consent: built on the SDK alone, as anybody's could be."""
