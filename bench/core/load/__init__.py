"""The load: its plan, how many are there at each moment, how far it is, whether it should stop."""
