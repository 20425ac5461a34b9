"""The truth table: what load generators report about streams, minus the server's own times."""
