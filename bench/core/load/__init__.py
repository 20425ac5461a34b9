"""The load: its plan, active VUs, bands of similar loads, and the progress of a run."""
