"""The time from the command to the first request and to the end, as a server sees it."""
