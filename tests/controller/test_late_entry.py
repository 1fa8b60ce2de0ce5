"""A treatment finished by hand, from the action to the record, and folded back from disk."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.clinic.documents import utc_datetime
from controller.records import record_of_journal
from tests.controller.room import Room
from tests.controller.stepped_loop import run_stepped


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize("started", [True, False])
def test_pump_and_hands_stand_apart_in_the_record(tmp_path, started):
    async def work():
        async with Room(tmp_path) as room:
            await (room.to_infusing() if started else room.to_armed())
            if started:
                await room.until(lambda view: view["pumped"]["drug"]["low_ml"] > 5)
                await room.do("pain")
                await room.until_phase("STOPPED")
                await room.until(lambda view: view["run"] is None)
            at = utc_datetime(room.daemon.clock.utc_ns()).isoformat()
            said: dict[str, Any] = {
                "confirmed_by": "cd",
                "given_by": "C. D.",
                "begun_at": at,
                "ended_at": at,
            }
            said |= {"low_ml": 3.0, "high_ml": 3.4, "flushed_ml": 4.5}
            await room.do("finished_by_hand", **said, method="barrel", reason="no pump")
            view = await room.until_phase("RESIDUAL")
            record = (await room.http.get(f"record/{room.session}")).json()
            kept = await room.world.store.read(room.session)
            folded = record_of_journal(kept, room.daemon.setting.limits)
            return view, record, folded.model_dump(mode="json", by_alias=True)

    view, record, folded = run_stepped(work)
    entry, pumped = record["late_entry"], record["pumped_interval_ml"]
    assert (entry["given_ml"], entry["flushed_ml"]) == ([3.0, 3.4], 4.5)
    assert (entry["given_by"], entry["entered_by"]) == ("C. D.", ["A. B.", "C. D."])
    assert (pumped[0] > 5) is started
    assert record["delivered_ml"] == pytest.approx(pumped[0] + 3.0)
    assert (view["by_hand"]["low_ml"], view["by_hand"]["high_ml"]) == (3.0, 3.4)
    assert view["delivered"]["high_ml"] == pytest.approx(pumped[1] + 3.4)
    start = "pump_start" if started else "hand_start"
    assert start in record["times"]
    assert len({"pump_start", "hand_start"} & set(record["times"])) == 1
    begun = datetime.fromisoformat(entry["begun_at"])
    assert begun.tzinfo == UTC
    same = {name: value for name, value in folded.items() if name != "journal_head"}
    assert same == {name: value for name, value in record.items() if name != "journal_head"}
