"""Model routing by the complexity of a message, and the cost of answers."""
