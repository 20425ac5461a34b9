"""Resource use, availability and work of a watched stack, quietness of the machine, and alerts."""
