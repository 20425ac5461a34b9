"""HTTP of one virtual user: our own transport, and httpx in its place or before it."""
