"""Sends the load: VUs, load generator processes, single requests."""
