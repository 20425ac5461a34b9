"""The audit log: a record of every chat interaction, complete also for refused, failed and cancelled ones."""
