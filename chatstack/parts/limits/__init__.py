"""The rate limit of each user: a sliding window of one minute."""
