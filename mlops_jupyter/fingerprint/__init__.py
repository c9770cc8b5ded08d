"""Identity of content: what a value is, told without asking the value."""

from mlops_jupyter.fingerprint.core import Footprint, fingerprint, fingerprint_unless, footprint
from mlops_jupyter.fingerprint.files import fingerprint_bytes, fingerprint_file
from mlops_jupyter.fingerprint.profile import profile_of, schema_of

__all__ = [
    "Footprint", "fingerprint", "fingerprint_bytes", "fingerprint_file", "fingerprint_unless", "footprint", "profile_of",
    "schema_of",
]
