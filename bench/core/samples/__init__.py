"""What happened in each request and beside it, and the table of all metrics."""
