"""How exact the times of `bench mock` are, compared with a bare timer on the same machine."""
