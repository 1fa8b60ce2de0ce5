"""Handlers of the pump that does not run, where a room has two: it must rest, and must answer."""

from controller.core import events as e
from controller.core import judge, motion
from controller.core.judge import forget, note
from controller.core.limits import Limits
from controller.core.rules import Result, done
from controller.core.state import Purpose, Rest, State
from firmware_interfaces.readings import Channel, PumpStatus


def is_idle(state: State, channel: Channel) -> bool:
    """True if what is told of this pump is no news of a run."""
    if state.run is not None:
        return state.run.plan.channel is not channel
    return channel is Channel.FLUSH


def idle_pump_seen(state: State, event: e.IdlePumpSeen, limits: Limits) -> Result:
    """A pump that moves and was not started is stopped each time it is seen, and both with it.

    Of one that is silent nobody knows whether it rests: nothing is started until it answers.
    """
    status, run, name = event.status, state.run, event.channel.value
    if run is not None and run.plan.channel is event.channel:
        return done(state)
    if status is None:
        return done(note(state, "idle_pump_link", f"{name} pump: {event.reason}"))
    state = _booked(forget(state, "idle_pump_link"), event.channel, status)
    old = status.asked_ns <= state.rested_ns or state.recovering
    if old or status.motion is None or status.motion.at_rest:
        return done(state)
    evidence = f"{name} pump is {status.motion.value} and was not started"
    return judge.stop(note(state, "take_over", evidence), "take-over")


def _booked(state: State, channel: Channel, status: PumpStatus) -> State:
    """What its counter advanced by since it was last known went somewhere all the same.

    A counter that nobody knew is only where that begins.
    """
    counter_nl = status.infused_nl
    if counter_nl is not None and motion.rest_of(state, channel) is None:
        given = Purpose.DRUG if state.connected else Purpose.SEAT
        purpose = given if channel is Channel.DRUG else Purpose.FLUSH
        return motion.with_rest(state, channel, Rest(purpose, counter_nl))
    return motion.moved_at_rest(state, channel, counter_nl, status.counter_step_nl)
