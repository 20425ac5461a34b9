"""Turns reports, trends and observations into text. `formats` lists the output formats."""
