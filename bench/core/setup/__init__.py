"""The set-up of an application: how it starts, which interface it has, and the files that measure it."""
