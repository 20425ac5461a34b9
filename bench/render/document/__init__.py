"""What all formats share: the interface of a format, and a report as tables and sentences."""
