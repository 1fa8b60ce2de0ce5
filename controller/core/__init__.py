"""The pure judgement.

``step(state, event, limits) -> (state, commands)``. No I/O, no clock, no chance.
"""
