"""Tier times from outside the answers: spans of OpenTelemetry, histograms of services, and the remainder."""
