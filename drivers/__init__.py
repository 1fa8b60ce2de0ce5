"""The conversation: the only code that awaits a device; when to speak, what silence means."""
