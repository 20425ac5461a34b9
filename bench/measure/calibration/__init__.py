"""Asks a server of known timing, and does pinned work, before and after a run."""
