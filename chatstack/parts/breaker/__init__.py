"""The circuit breaker: stops asking an agent that fails, and tries it again after a while."""
