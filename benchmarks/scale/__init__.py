"""The cost of a load per user, stream, request and token, and what follows for many machines."""
