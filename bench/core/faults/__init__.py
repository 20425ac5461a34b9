"""Injected faults: their plan, their measured times, lost requests, recovery and availability."""
