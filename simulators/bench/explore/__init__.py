"""Exploration of the judgement: every event in every state that is reached, to a stated bound.

It runs the real `controller.core.step` and holds it against a pump and people of its own.
"""
