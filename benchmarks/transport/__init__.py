"""The transport alone, compared with other HTTP clients."""
