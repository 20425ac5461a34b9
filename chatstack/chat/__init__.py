"""The chat call: its questions, the events of an answer, and the forms in which a client receives them."""
