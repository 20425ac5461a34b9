"""Ownership: the process that owns a temporary folder, a file or a service, and locks between processes."""
