"""The other speakers and the test bench around them. The ward's daemon needs nothing of it."""
