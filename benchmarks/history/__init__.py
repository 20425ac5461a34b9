"""How long histories are read, judged and published, and how much memory that takes."""
