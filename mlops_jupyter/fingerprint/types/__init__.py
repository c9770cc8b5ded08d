"""One file per library; each registers the exact types it can fingerprint."""
