"""Pictures for docs/."""
