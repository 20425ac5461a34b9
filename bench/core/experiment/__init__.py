"""Experiments: claims about variants of a stack, their measured effects, and the verdicts."""
