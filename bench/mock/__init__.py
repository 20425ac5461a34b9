"""A mock model for load tests: the APIs of OpenAI, Ollama and Anthropic with exact times and known faults."""
