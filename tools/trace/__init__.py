"""The safety file's tool: proves that hazards, controls, requirements and tests belong together.

It knows the data in ``docs/safety``, what the code holds and which tests pytest collects. It judges
nothing about severity or medicine: people wrote that down, the tool only finds what is missing.
"""
