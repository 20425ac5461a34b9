"""The load: its plan, active VUs, progress, and when it stops."""
