"""The history of a scenario, and the points where its level changed."""
