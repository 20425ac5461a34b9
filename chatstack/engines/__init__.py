"""Model engines: a simulated one, and llama.cpp with a real model."""
