"""Probes of a chat service: their requests, the expected answers, and the judgement of the actual ones."""
