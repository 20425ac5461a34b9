"""How often the interval of a capacity search contains the true safe load, and how long a search takes."""
