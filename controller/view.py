"""What people and other programs may see of a session, in human units. It decides nothing.

No name of a patient stands in any of it. What goes out by telemetry is the part that carries no
identifier of a patient either.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from controller.clinic.text import utc_text
from controller.commissioned import commissioned_text
from controller.core.alarms import ALARMS, not_observable
from controller.core.custody import place_of
from controller.core.judge import latched
from controller.core.line import line_of
from controller.core.sounding import audio_paused_ns, ordered, sounding
from controller.core.state import Alarm, ByHand, Pumped, Purpose, Run, Signed, State
from controller.core.treatment import SecondPump, Treatment
from controller.core.words import rows_for
from controller.surroundings import FlushPump
from firmware_interfaces.readings import Identity
from firmware_interfaces.units import (
    NL_PER_ML,
    NS_PER_S,
    UL_PER_ML,
    Becquerel,
    Nanoseconds,
    as_mbq,
    as_mci,
)

if TYPE_CHECKING:
    from controller.daemon import Daemon

SCHEMA: Final = 1
_PUBLIC: Final = (
    *("session", "cold_run", "phase", "latched", "planned_ml", "run", "pumped", "by_hand"),
    *("delivered", "lease", "times", "outcome"),
)


def _ml(nl: int) -> float:
    return nl / NL_PER_ML


def _utc(at_utc_ns: int | None) -> str | None:
    return None if at_utc_ns is None else utc_text(Nanoseconds(at_utc_ns))


def _activity(bq: int) -> dict[str, float]:
    activity = Becquerel(bq)
    return {"mbq": as_mbq(activity), "mci": as_mci(activity)}


def _interval(pumped: Pumped) -> dict[str, float]:
    return {"low_ml": _ml(pumped.low_nl), "high_ml": _ml(pumped.high_nl)}


def _by_hand(by_hand: ByHand | None) -> dict[str, Any] | None:
    """What hands gave after the pump, entered late."""
    if by_hand is None:
        return None
    return {
        **_interval(by_hand.drug),
        "flushed_ml": _ml(by_hand.flushed_nl),
        "begun_at": _utc(by_hand.begun_utc_ns),
        "ended_at": _utc(by_hand.ended_utc_ns),
        "entered_at": _utc(by_hand.entered_utc_ns),
    }


def delivered(state: State) -> Pumped:
    """Drug that has passed the line, nL, as an interval; nothing before the first start."""
    if state.treatment is None or state.first_start_utc_ns is None:
        return Pumped()
    past = line_of(state)
    return Pumped(past.delivered_low_nl, past.delivered_high_nl)


def is_cold(state: State) -> bool:
    """True for a rehearsal with saline: everything that tells of it says COLD RUN."""
    return state.treatment is not None and state.treatment.cold


def alarm_view(alarm: Alarm, kinds: tuple[str, ...]) -> dict[str, Any]:
    """One active alarm with its text and what to do, in the words of the drug's container."""
    row = rows_for(kinds)[alarm.id]
    return {
        "id": alarm.id,
        "priority": row.priority.value,
        "action": row.action.value,
        "text": row.text,
        "remedy": row.remedy,
        "evidence": alarm.evidence,
        "present": alarm.present,
        "acknowledged_by": alarm.acknowledged_by,
        "raised_at": _utc(alarm.raised_utc_ns),
    }


def _order(treatment: Treatment | None) -> dict[str, Any] | None:
    if treatment is None:
        return None
    return {
        "order_id": treatment.order_id,
        "patient_id": treatment.patient_id,
        "drug": treatment.drug,
        "nuclide": treatment.nuclide,
        "prescribed": _activity(treatment.prescribed_bq),
        "administer": treatment.administer,
        "container": "syringe" if treatment.diameter_um else "vial",
        "syringe": treatment.syringe,
        "fill_ml": _ml(treatment.fill_nl),
        "line_dead_volume_ml": _ml(treatment.line_dead_nl),
        "primed_with": treatment.primed_with,
        "infusion_s": treatment.duration_ns / NS_PER_S,
        "flush": {"method": treatment.flush_method, "volume_ml": _ml(treatment.flush_volume_nl)},
        "kvo": _kvo(treatment.second),
    }


def _kvo(second: SecondPump | None) -> dict[str, float] | None:
    """How the second pump may keep a vein open, or None."""
    if second is None or not second.kvo_ul_h:
        return None
    return {"rate_ml_h": second.kvo_ul_h / UL_PER_ML, "volume_ml": _ml(second.kvo_nl)}


def _run(run: Run | None, now_ns: int) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "purpose": run.purpose.value,
        "pump": run.plan.channel.value,
        "stage": run.stage.value,
        "rate_ml_h": run.profile[run.part][0] / UL_PER_ML,
        "planned_ml": _ml(run.plan.volume_nl),
        "pumped_ml": _ml(run.counter_nl),
        "motion": None if run.motion is None else run.motion.value,
        "running_s": None if run.started_ns is None else (now_ns - run.started_ns) / NS_PER_S,
        "read_age_s": None if not run.read_ns else (now_ns - run.read_ns) / NS_PER_S,
    }


def _lease(state: State, now_ns: int) -> dict[str, Any]:
    """The pump's own watchdog, and how long the driver may still talk."""
    left_ns = max(0, state.permit_expires_ns - now_ns) if state.run is not None else 0
    watchdog_ns = 0 if state.treatment is None else state.treatment.watchdog_ns
    return {
        "watchdog_s": watchdog_ns / NS_PER_S,
        "armed": state.watchdog_armed,
        "permit_left_s": left_ns / NS_PER_S,
    }


def _prompts(state: State) -> dict[str, Any]:
    def due(at_ns: int | None) -> float | None:
        return None if at_ns is None else (at_ns - state.active_ns) / NS_PER_S

    return {
        "site_check_in_s": due(state.check_due_active_ns),
        "barrel_reading_in_s": due(state.barrel_due_active_ns),
        "start_requested_by": state.start_by,
        "resume_requested_by": state.resume_by,
        "no_resume": state.no_resume,
    }


def _assay(state: State) -> dict[str, Any] | None:
    if state.assay is None or state.assay.activity_bq is None:
        return None
    return {**_activity(state.assay.activity_bq), "at": _utc(state.assay_utc_ns)}


def _signed(signed: Signed) -> dict[str, Any]:
    said = {name: getattr(signed, name) for name in ("who", "role", "meaning", "identity")}
    return {**said, "at": _utc(signed.utc_ns)}


def _custody(state: State) -> dict[str, Any]:
    """Whose the container is, and every time it changed hands; ``asked``: whether anybody asks."""
    return {
        "asked": state.stations,
        "place": place_of(state).value,
        "handed_over": [
            {
                "to": one.to.value,
                "what": one.what,
                "given_by": one.given_by,
                "taken_by": one.taken_by,
                "at": _utc(one.utc_ns),
            }
            for one in state.custody
        ],
    }


def _audio(state: State) -> dict[str, Any]:
    """What is to be heard, and how long the sound stays paused."""
    heard = sounding(state)
    return {
        "sounding": None if heard is None else heard.id,
        "priority": None if heard is None else ALARMS[heard.id].priority.value,
        "paused_s": audio_paused_ns(state) / NS_PER_S,
    }


def session_view(state: State, now_ns: int, kinds: tuple[str, ...]) -> dict[str, Any]:
    """All that a panel needs of one session; ``kinds`` are the site's devices, the pump first."""
    volumes = {purpose.value: _interval(state.pumped(purpose)) for purpose in Purpose}
    return {
        "session": state.session,
        "cold_run": is_cold(state),
        "phase": state.phase.value,
        "held_from": None if state.held_from is None else state.held_from.value,
        "hold_reason": state.hold_reason,
        "latched": latched(state),
        "order": _order(state.treatment),
        "assay_pending": state.assay_pending,
        "assay": _assay(state),
        "released": [_signed(signed) for signed in state.released],
        "custody": _custody(state),
        "planned_ml": _ml(state.planned_nl),
        "patency_ok": state.patency_ok,
        "connected": state.connected,
        "run": _run(state.run, now_ns),
        "pumped": volumes,
        "by_hand": _by_hand(state.by_hand),
        "delivered": _interval(delivered(state)),
        "lease": _lease(state, now_ns),
        "prompts": _prompts(state),
        "times": {
            "start": _utc(state.first_start_utc_ns),
            "arrival": _utc(state.arrival_utc_ns),
            "drug_end": _utc(state.drug_end_utc_ns),
            "clearance": _utc(state.clearance_utc_ns),
        },
        "alarms": [alarm_view(alarm, kinds) for alarm in ordered(state.alarms)],
        "audio": _audio(state),
        "residual": [{"item": i.item, **_activity(i.activity_bq)} for i in state.items],
        "background_measured": state.background_bq is not None,
        "surveyed": state.survey_utc_ns is not None,
        "contaminated": state.contaminated,
        "cause": state.cause,
        "outcome": None if state.outcome is None else state.outcome.value,
    }


def _identity(identity: Identity | None) -> dict[str, Any] | None:
    return None if identity is None else asdict(identity)


def _flush_commissioning(flush: FlushPump | None) -> dict[str, str]:
    if flush is None:
        return {}
    return {"flush_commissioning": f"flush {commissioned_text(flush.commissioned)}"}


def state_view(daemon: "Daemon") -> dict[str, Any]:
    """The whole room: every open session, and what is known beside them."""
    now_ns, setting = daemon.clock.monotonic_ns(), daemon.setting
    active = daemon.active()
    kinds = setting.all_kinds
    rows = rows_for(kinds)
    hidden = [rows[row.id] for row in not_observable(kinds)]
    return {
        "schema": SCHEMA,
        "site": setting.site,
        "room": setting.room,
        "simulated": setting.simulated,
        "identity": "badge+PIN",
        "version": setting.version,
        "at": _utc(daemon.clock.utc_ns()),
        "active": None if active is None else active.id,
        "sessions": [session_view(s.state, now_ns, kinds) for s in daemon.sessions.values()],
        "closed": [
            {
                "session": s.id,
                "cold_run": is_cold(s.state),
                "outcome": None if s.state.outcome is None else s.state.outcome.value,
            }
            for s in daemon.closed.values()
        ],
        "quarantined": [asdict(item) for item in daemon.quarantined],
        "conditions": [
            {"id": seen.condition, "evidence": seen.evidence, "text": rows[seen.condition].text}
            for seen in daemon.conditions.values()
        ],
        "commissioning": commissioned_text(setting.commissioned),
        **_flush_commissioning(setting.flush),
        "people": daemon.people,
        "self_test": [check.view() for check in daemon.self_test.checks],
        "link": {
            "pump": _identity(daemon.pump_identity),
            "calibrator": _identity(daemon.calibrator_identity),
            **({} if setting.flush is None else {"flush_pump": _identity(daemon.flush_identity)}),
            "broker": "broker_lost" not in daemon.conditions,
        },
        "not_observable": [
            {"id": row.id, "text": row.text, "channel": row.channel, "why": "not observable here"}
            for row in hidden
        ],
    }


def public_session(view: dict[str, Any]) -> dict[str, Any]:
    """A session's view for telemetry: nothing that points to a patient or to a person."""
    order = view["order"]
    public = {name: view[name] for name in _PUBLIC}
    public["prescribed"] = None if order is None else order["prescribed"]
    public["alarms"] = [
        {name: value for name, value in alarm.items() if name != "acknowledged_by"}
        for alarm in view["alarms"]
    ]
    return public


def numbers_view(state: State, now_ns: int) -> dict[str, Any]:
    """What changes every second while something moves."""
    return {
        "session": state.session,
        "cold_run": is_cold(state),
        "phase": state.phase.value,
        "run": _run(state.run, now_ns),
        "pumped": _interval(state.pumped(Purpose.DRUG)),
        "flushed": _interval(state.pumped(Purpose.FLUSH)),
        "delivered": _interval(delivered(state)),
        "planned_ml": _ml(state.planned_nl),
        "lease": _lease(state, now_ns),
    }
