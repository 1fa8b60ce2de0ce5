"""Device firmwares in front of one physical room. They know no driver and no controller."""
