"""Static files under names that hold a digest of what is in them; a script names the scripts that it imports by those names, too."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class Hashed(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the library has no types
    """What WhiteNoise serves for ever: no cache can mix one version of a script with another of what it imports."""

    support_js_module_import_aggregation = True
