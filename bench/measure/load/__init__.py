"""Gives the load: virtual users, the processes that they are in, and requests one by one."""
