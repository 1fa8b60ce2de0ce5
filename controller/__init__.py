"""The judgement: a pure core and clinic, and the thin shell of daemon, journal, telemetry and API round them."""
