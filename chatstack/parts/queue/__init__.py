"""The request queue: limits the requests in flight, and holds the others until it is their turn."""
