"""The vocabulary: what each device's firmware means, as data with a source."""
