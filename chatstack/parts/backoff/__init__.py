"""Back-off: asks the agent again after a failure that another attempt can cure."""
