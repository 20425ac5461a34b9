"""HTTP of one VU: the project's transport, and httpx behind or in front of it."""
