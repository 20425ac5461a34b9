"""Use cases: each is a function that a command and a Python program call alike.

A use case returns a value or raises a `BenchError`. It never prints and never exits; progress, notes and
warnings go to its `listener`.
"""
