"""Every parser that reads bytes, text or files from outside, and the fuzz target that holds it.

A target is given any bytes. It returns, or raises what shows a mistake: an error that the parser
does not name, or an assertion on what it accepted. Hypothesis and atheris use the same targets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.fuzz import asked, dulco, gates, kept, modbus, papers, people, wires, wires_crc15


@dataclass(frozen=True, slots=True)
class Target:
    """One target and the parsers that it reaches, as ``module:function``."""

    run: Callable[[bytes], None]
    parsers: tuple[str, ...]

    @property
    def name(self) -> str:
        """How `make fuzz` calls it."""
        return self.run.__name__


TARGETS: Final = (
    Target(
        wires.new_era_host,
        (
            "protocols.new_era:HostDeframer.feed",
            "protocols.new_era:Reply.__post_init__",
            "protocols.new_era:_safe_fault",
        ),
    ),
    Target(
        wires.new_era_pump,
        ("protocols.new_era:PumpDeframer.feed", "protocols.new_era:Command.__post_init__"),
    ),
    Target(
        wires.capintec_frames,
        (
            "protocols.capintec:Deframer.feed",
            "protocols.capintec:decode_request",
            "protocols.capintec:decode_reply",
        ),
    ),
    Target(
        wires.pump_values,
        (
            "drivers.new_era_words:verdict",
            "drivers.new_era_words:status_of",
            "drivers.new_era_program:Expected.check",
            "firmware_interfaces.new_era:parse_number",
            "firmware_interfaces.new_era:parse_whole",
            "firmware_interfaces.new_era:parse_rate",
            "firmware_interfaces.new_era:parse_volume",
            "firmware_interfaces.new_era:parse_diameter",
            "firmware_interfaces.new_era:parse_dispensed",
            "firmware_interfaces.new_era:parse_version",
            "simulators.devices.new_era_settings:parse_float",
            "simulators.devices.new_era_settings:parse_count",
        ),
    ),
    Target(
        wires.activity_values,
        (
            "firmware_interfaces.capintec:parse_unit",
            "firmware_interfaces.capintec:parse_activity",
            "firmware_interfaces.capintec:canonical_nuclide",
        ),
    ),
    Target(
        wires.pump_firmware,
        (
            "simulators.devices.new_era:Ne1000Firmware.feed",
            "simulators.devices.new_era:Ne1000Firmware._change_address",
        ),
    ),
    Target(
        wires.calibrator_firmware,
        (
            "simulators.devices.crc55:Crc55Firmware.feed",
            "simulators.devices.crc55:Crc55Firmware._answer",
        ),
    ),
    Target(
        wires_crc15.crc15_replies,
        ("protocols.crc15:Deframer.feed", "protocols.crc15:decode_polls"),
    ),
    Target(
        wires_crc15.crc15_values,
        (
            "firmware_interfaces.crc15:parse_number",
            "firmware_interfaces.crc15:parse_activity",
        ),
    ),
    Target(wires_crc15.crc15_firmware, ("simulators.devices.crc15:Crc15Firmware.feed",)),
    Target(
        modbus.modbus_frames,
        (
            "protocols.modbus:Deframer.feed",
            "protocols.modbus:Deframer._rtu",
            "protocols.modbus:Deframer._tcp",
            "protocols.modbus:Deframer._frame",
        ),
    ),
    Target(modbus.meter_registers, ("firmware_interfaces.register:decode",)),
    Target(
        modbus.meter_firmware,
        (
            "simulators.devices.activity_meter:ActivityMeterFirmware.feed",
            "simulators.devices.modbus_unit:ModbusUnit.feed",
        ),
    ),
    Target(
        dulco.dulco_registers,
        ("firmware_interfaces.dulco_flex_rules:read_block",),
    ),
    Target(
        dulco.dulco_firmware,
        ("simulators.devices.dulco_flex:DulcoFlexFirmware.feed",),
    ),
    Target(
        papers.order,
        (
            "controller.clinic.documents:json_problem",
            "controller.clinic.order:parse_order",
            "controller.orders:checked_order",
        ),
    ),
    Target(papers.site, ("controller.clinic.documents:toml_table", "controller.config:load_site")),
    Target(
        papers.regimen,
        ("controller.clinic.regimen:parse_regimen", "controller.clinic.regimen:_parsed"),
    ),
    Target(gates.answer, ("controller.clinic.answers:parse_answer",)),
    Target(
        gates.scan,
        (
            "controller.clinic.scans:read_scan",
            "controller.clinic.scans:layout_problem",
        ),
    ),
    Target(
        papers.commissioning,
        (
            "controller.clinic.commissioning:parse_commissioning",
            "controller.commissioned:known_by",
        ),
    ),
    Target(
        papers.unit_proof,
        (
            "controller.clinic.unit_proof:parse_unit_proof",
            "controller.clinic.unit_proof:parse_reference_time",
        ),
    ),
    Target(
        papers.scenario_file,
        ("simulators.bench.scenario_file:parse", "simulators.bench.faults:fault_from"),
    ),
    Target(
        papers.addresses,
        (
            "controller.telemetry:broker_address",
            "controller.access_sections:listen_address",
            "controller.telemetry:_check_host",
            "controller.device_sections:_address",
            "drivers.serial_port:_host_and_port",
            "simulators.devices.simulate:parse_address",
        ),
    ),
    Target(kept.journal_rows, ("controller.chain:checked", "controller.chain:body_of")),
    Target(
        kept.journal_export,
        (
            "controller.replay:exported_records",
            "controller.replay:_row",
            "controller.replay:replay",
        ),
    ),
    Target(kept.journal_file, ("controller.journal_file:read",)),
    Target(
        kept.session_fold,
        (
            "controller.sessions:event_of",
            "controller.sessions:limits_of",
            "controller.records:record_of_journal",
        ),
    ),
    Target(kept.core_values, ("controller.core.codec:revive",)),
    Target(asked.api_body, ("controller.panel.api:body_of",)),
    Target(asked.http, ("controller.panel.door:_name_in", "controller.panel.door:body_of")),
    Target(asked.news_ids, ("controller.news:NewsRing.position",)),
    Target(
        people.people_file,
        ("controller.people_file:_row", "controller.people_file:_extended"),
    ),
    Target(
        people.badges_and_pins,
        (
            "controller.clinic.people:badge_rule",
            "controller.clinic.people:pin_rule",
            "controller.panel.api:Api.come",
            "controller.panel.api:Api.go",
            "controller.panel.api:Api.settle",
            "controller.panel.desk:Desk.come",
        ),
    ),
    Target(
        asked.control_lines,
        ("controller.control_socket:answer_to", "controller.control_socket:answered"),
    ),
    Target(
        asked.command_line,
        (
            "controller.clinic.text:parse_number",
            "controller.console:number_argument",
            "simulators.bench.rehearse:minutes",
            "simulators.bench.sweep:case_of",
        ),
    ),
    Target(asked.hands, ("simulators.bench.channel:answer", "simulators.bench.hands:Hands.act")),
)
BY_NAME: Final = {target.name: target for target in TARGETS}

OWN_WORDS: Final = {
    "controller.commission_calibrator:UnitProving._source": "answers that were each just checked",
    "controller.probe:_flex": "a section of this program's own making",
    "controller.probe:_new_era": "a section of this program's own making",
    "controller.shared_lines:line_of": "a port that was just checked",
    "controller.clinic.earlier:earlier_dose": "a time in the record of a closed session",
    "controller.clinic.record:build_record": "checks the record that it has just made",
    "controller.gates_view:_directive": "an order of the session's record 0",
    "controller.gates_view:_gate": "an answer that the judgement has taken",
    "controller.records:_gates": "an answer that the judgement has taken",
    "drivers.exchange:Deframer.feed": "a port, without a body",
    "firmware_interfaces.register:_words": "bytes that encode has just made",
    "simulators.devices.serve:Firmware.feed": "a port, without a body",
    "simulators.devices.shared_line:SharedLine.feed": "hands bytes on to each device's own feed",
    "simulators.bench.apparatus:PumpApparatus.feed": "hands bytes on to Ne1000Firmware.feed",
    "controller.panel.desk:Desk._holds": "compares what it was given; argon2 reads its own hash",
    "simulators.bench.asgi:_answer": "the daemon's answer, in the same process",
    "simulators.bench.badges:wanted": "an answer of the bench's own daemon",
    "simulators.bench.asgi:AsgiApi._hear": "the daemon's news, in the same process",
    "simulators.bench.channel:Channel._ask": "the answer of the bench's own world",
    "simulators.bench.evidence:Evidence.journal": "an export that was proven when it was made",
    "simulators.bench.fault_acts:Saboteur._durable": "a record on its way to the disk",
    "simulators.bench.judge:utc_ns": "a time in the record of a closed session",
    "simulators.bench.launch:_draft": "an order that parse_order has just taken",
    "simulators.bench.mistakes:Mistake.made": "a mistake of the bench's own scenario",
    "simulators.bench.mistakes:order_with": "an order of the bench's own making",
    "simulators.bench.paperwork:Paperwork.answer": "the daemon's answer, in the same process",
    "simulators.bench.launch:world_ports": "the first line of the bench's own world",
    "simulators.bench.papers:order_for_today": "the example in this repository",
    "simulators.bench.perturbed_line:Interpreter.feed": "packets between the bench's own pump",
    "simulators.bench.perturbed_new_era:words": "the table of commands",
    "simulators.bench.perturbed_new_era_line:_counter": "packets between the bench's own pump",
    "simulators.bench.perturbed_registers:scaled": "words of the bench's own meter",
    "simulators.bench.perturbed_outcome:_rule": "a refusal of the daemon, in the same process",
    "simulators.bench.rehearsal:Rehearsal.head": "an export that was proven when it was made",
    "simulators.bench.run:_tell": "the record of a closed session",
    "simulators.bench.setting:Setting.load": "a file that the bench has just written",
    "simulators.bench.sweep:read_results": "the sweep's own results",
}
"""Readers of what this program has itself written or proven just before, and what that is."""
