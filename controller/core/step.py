"""The whole judgement: ``step(state, event, limits) -> (state, commands)``; pure, total, exact."""

from controller.core import commands as c
from controller.core import events as e
from controller.core.changed import changed
from controller.core.judge import Commands, judge, note
from controller.core.limits import Limits
from controller.core.rules import Refused
from controller.core.state import Phase, Purpose, Stage, State
from controller.core.table import HANDLERS, is_request
from firmware_interfaces.units import NS_PER_S

FAST_TICK_NS = 600_000_000
SLOW_TICK_NS = NS_PER_S
DUE_TICK_NS = 60 * NS_PER_S


def _stamped(state: State, event: e.Event) -> State:
    """The state at the event's time.

    Time that runs back is a notice, and does not run back here.
    """
    if event.mono_ns < state.now_ns:
        back_ms = (state.now_ns - event.mono_ns) // 1_000_000
        state = note(state, "monotonic", f"an event came {back_ms} ms before the last")
        return changed(state, now_utc_ns=event.utc_ns)
    passed = event.mono_ns - state.now_ns if state.now_ns else 0
    run = state.run
    pumping = run is not None and run.purpose is Purpose.DRUG and run.stage is Stage.RUNNING
    # How long drug ran while nobody was here is not known: a boot adds nothing.
    active = state.active_ns + (passed if pumping and not isinstance(event, e.Booted) else 0)
    return changed(state, now_ns=event.mono_ns, now_utc_ns=event.utc_ns, active_ns=active)


def _refuse(state: State, event: e.Event, refused: Refused) -> c.Refuse:
    return c.Refuse(type(event).__name__, state.phase.value, refused.rule, refused.detail)


def step(state: State, event: e.Event, limits: Limits) -> tuple[State, Commands]:
    """Take one event. A refused request leaves the state as it was but for its time.

    Total: every (phase, event) pair is decided by `controller.core.table`; a request that no row
    takes is refused, a fact that none takes is noted in the journal only.
    """
    state = _stamped(state, event)
    handler = HANDLERS.get((state.phase, type(event)))
    commands: Commands = ()
    if handler is not None:
        result = handler(state, event, limits)
        if isinstance(result, Refused):
            commands = (_refuse(state, event, result),)
        else:
            state, commands = result
    elif is_request(type(event)):
        rule = Refused("not in this phase", f"{type(event).__name__} in {state.phase.value}")
        commands = (_refuse(state, event, rule),)
    stopped = any(isinstance(command, c.Stop) for command in commands)
    state, more = judge(state, limits, stopped)
    state = _locked(state)
    return state, _stops_first(commands + more)


def _locked(state: State) -> State:
    if state.no_resume or not any(alarm.id == "repeat_lock" for alarm in state.alarms):
        return state
    return changed(state, no_resume="the same alarm came three times in ten minutes")


def _stops_first(commands: Commands) -> Commands:
    """STOP before everything; a RUN, programme or permit decided in an older epoch is dropped."""
    stops = [x for x in commands if isinstance(x, c.Stop)]
    if not stops:
        return commands
    epoch = stops[-1].epoch
    rest = tuple(
        x
        for x in commands
        if not isinstance(x, (c.Stop, c.GrantPermit)) and getattr(x, "epoch", epoch) == epoch
    )
    return (stops[-1], *rest)


def polls(state: State) -> bool:
    """Whether the pump is to be polled: programmed or running, and no stop or recover under way.

    An interval that waits for people is no reason to look away.
    """
    run = state.run
    if run is None:
        let_go = state.phase in (Phase.RESIDUAL, Phase.CLOSED)
        return state.watchdog_armed and not (state.recovering or let_go)
    return run.stage in (Stage.READY, Stage.STARTING, Stage.RUNNING)


def tick_ns(state: State) -> int:
    """After how long a silence time alone is an event, ns; 0 where nothing depends on it.

    While the pump is polled at 2 Hz, a little more than a poll: an answer brings the time itself.
    """
    if state.run is not None:
        return FAST_TICK_NS
    if state.phase is Phase.RESIDUAL and state.papers is not None and state.papers.oral:
        return DUE_TICK_NS
    if state.phase in (Phase.IDLE, Phase.RESIDUAL, Phase.CLOSED):
        return 0
    return SLOW_TICK_NS
