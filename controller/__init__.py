"""The judgement: a pure core and clinic, and the thin shell round them."""
