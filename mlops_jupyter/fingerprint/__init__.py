"""Identity of content: what a value is, told without asking the value."""

from mlops_jupyter.fingerprint.core import Footprint, fingerprint, fingerprint_unless, footprint
from mlops_jupyter.fingerprint.difference import Difference, continues, difference
from mlops_jupyter.fingerprint.files import fingerprint_bytes, fingerprint_file
from mlops_jupyter.fingerprint.profile import merge, profile_of, schema_of

__all__ = [
    "Difference", "Footprint", "continues", "difference", "fingerprint", "fingerprint_bytes", "fingerprint_file",
    "fingerprint_unless", "footprint", "merge", "profile_of", "schema_of",
]  # fmt: skip
