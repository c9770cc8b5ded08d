"""What happens in a kernel, turned into records."""
