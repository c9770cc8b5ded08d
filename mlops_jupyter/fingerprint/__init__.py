"""Identity of content."""
