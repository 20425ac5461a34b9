"""Pictures of what people look at, for docs/."""
