"""Tier times from outside the answers: spans, histograms of services, and requests to each tier alone."""
