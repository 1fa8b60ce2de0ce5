"""Measurements as ratios to a floor taken in the same run; nothing here is asserted by a test."""
