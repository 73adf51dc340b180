"""Starts beside a database that is empty, gone, older, newer or damaged: no version is lost, none comes back."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.settings import Settings
from app.services.database import Database
from app.services.job_log import JobLog, JobState, StageTiming
from app.services.reconcile import Findings, reconcile
from app.services.reserve import RESERVE_BYTES
from app.services.set_aside import Identity
from app.services.storage import Storage
from app.services.stored_version import DamagedVersion
from app.services.version_record import PENDING_FILE, RECORD_FILE
from tests.app.live import live
from tests.app.test_storage import SUMMARY, finished

Make = Callable[..., Settings]


class Folder:
    """A data folder that is opened and closed as servers come and go."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.open()

    def open(self) -> None:
        self.database = Database(self.root / "prunus.db")
        self.storage = Storage(self.root, self.database)
        self.log = JobLog(self.database)

    def publish(self, job_id: str, version: int | None = None) -> Path:
        finished(self.storage, self.log, job_id, version)
        timings = (StageTiming("read", 0.25),)
        number = self.log.get(job_id).version
        return self.storage.publish(job_id, "m", number, SUMMARY, timings).folder

    def start(self) -> Findings:
        """Close, open again as a server does, and return what was found."""
        self.database.close()
        self.open()
        return reconcile(self.storage)

    def lose_database(self) -> None:
        self.database.close()
        for file in self.root.glob("prunus.db*"):
            file.unlink()
        self.open()

    def versions(self) -> list[int]:
        return [one.version for one in self.storage.all_versions()]

    def lost(self) -> list[str]:
        """What was set aside, without the time."""
        files = [path for path in (self.root / "lost").rglob("*") if path.is_file()]
        return sorted("/".join(path.relative_to(self.root / "lost").parts[1:]) for path in files)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.database.close()


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_lost_database_is_rebuilt_with_all_that_rows_say(folder: Folder, how: str) -> None:
    folder.publish("a")
    folder.publish("b")
    folder.storage.set_active("m", 2, is_active=False)
    before = folder.storage.versions()
    folder.lose_database()
    if how == "empty":
        folder.database.close()
        for file in folder.root.glob("prunus.db*"):
            file.write_bytes(b"")
    assert folder.start() == Findings(rebuilt=2)
    assert folder.storage.versions() == before
    job = folder.log.get("b")
    assert (job.state, job.version, job.timings) == (JobState.DONE, 2, (StageTiming("read", 0.25),))
    assert folder.start() == Findings()  # nothing is left to do
    assert (folder.lost(), folder.versions()) == ([], [1, 2])


def test_a_deleted_version_does_not_come_back_with_a_lost_or_an_old_database(
    folder: Folder,
) -> None:
    folder.publish("a")
    folder.publish("b")
    folder.database.close()
    shutil.copy(folder.root / "prunus.db", folder.root / "saved.db")
    folder.open()
    folder.storage.delete("m", [2])
    assert list((folder.root / "trash" / "b.2.m").iterdir()) == []
    folder.lose_database()
    assert folder.start() == Findings(rebuilt=1)
    assert folder.versions() == [1]
    folder.publish("c")  # the number 2 is not used again
    assert folder.versions() == [1, 3]
    folder.lose_database()
    folder.database.close()
    for file in folder.root.glob("prunus.db*"):
        file.unlink()
    (folder.root / "saved.db").rename(folder.root / "prunus.db")
    assert folder.start() == Findings(rebuilt=1, completed=1)
    assert folder.versions() == [1, 3]


def test_folders_from_before_a_deletion_are_set_aside(folder: Folder) -> None:
    made = folder.publish("a")
    folder.publish("b")
    shutil.copytree(made, folder.root / "saved")
    folder.storage.delete("m", [1])
    shutil.rmtree(folder.root / "trash")  # only the database remembers
    (folder.root / "saved").rename(made)
    assert folder.start() == Findings(set_aside=1)
    assert folder.versions() == [2]
    assert folder.lost() == ["m/1/model.prunus", "m/1/version.json"]


def test_a_version_made_again_is_told_from_the_one_that_was_deleted(folder: Folder) -> None:
    folder.publish("a")
    folder.database.close()
    shutil.copy(folder.root / "prunus.db", folder.root / "saved.db")
    folder.open()
    folder.storage.delete("m", [1])
    folder.publish("b", 1)
    folder.lose_database()
    folder.database.close()
    shutil.move(folder.root / "saved.db", folder.root / "prunus.db")
    # The row of job a goes, as it was deleted; the folder of job b gets its row.
    assert folder.start() == Findings(rebuilt=1, completed=1)
    assert folder.storage.version("m", 1).job_id == "b"


def test_a_row_of_another_job_gives_way_to_the_folder(folder: Folder) -> None:
    folder.publish("a")
    with folder.database.transaction() as connection:
        connection.execute("UPDATE versions SET job_id = 'other'")
    assert folder.start() == Findings(rebuilt=1)
    assert folder.storage.version("m", 1).job_id == "a"


def test_a_folder_from_before_there_were_records_is_rebuilt_from_its_result(folder: Folder) -> None:
    made = folder.publish("a")
    (made / RECORD_FILE).unlink()
    (made / "result.json").write_text(SUMMARY.model_dump_json())
    folder.lose_database()
    assert folder.start() == Findings(rebuilt=1)
    stored = folder.storage.version("m", 1)
    assert (stored.summary, stored.is_active) == (SUMMARY, True)
    assert (made / RECORD_FILE).is_file()
    assert folder.start() == Findings()


@pytest.mark.parametrize(
    ("verdict", "may_take_traffic"), [("held", True), ("unchecked", False), ("undecided", False)]
)
def test_what_the_gate_kept_from_traffic_gets_none_by_a_lost_database(
    folder: Folder, verdict: str, may_take_traffic: bool
) -> None:
    made = folder.publish("a")
    (made / RECORD_FILE).unlink()
    judged = {"gate_verdict": verdict, "may_take_traffic": may_take_traffic}
    (made / "result.json").write_text(SUMMARY.model_copy(update=judged).model_dump_json())
    folder.lose_database()
    assert folder.start() == Findings(rebuilt=1)
    assert folder.storage.version("m", 1).is_active is may_take_traffic


def test_folders_of_known_versions_get_the_record_that_they_lack(folder: Folder) -> None:
    made = folder.publish("a")
    before = folder.storage.versions()
    for content in (None, "{}", "no JSON"):
        (made / RECORD_FILE).unlink()
        if content is not None:
            (made / RECORD_FILE).write_text(content)
        assert folder.start() == Findings()
    folder.lose_database()
    folder.start()
    assert folder.storage.versions() == before


@pytest.mark.parametrize(
    "damage", ["no artifact", "no record", "broken record", "another's record", "later record"]
)
def test_what_cannot_be_told_is_set_aside_and_not_removed(folder: Folder, damage: str) -> None:
    made = folder.publish("a")
    record = (made / RECORD_FILE).read_text()
    folder.lose_database()
    if damage == "no artifact":
        (made / "model.prunus").unlink()
    elif damage == "no record":
        (made / RECORD_FILE).unlink()
    elif damage == "broken record":
        (made / RECORD_FILE).write_text(record[:-9])
    elif damage == "another's record":
        made.rename(made.with_name("7"))
    else:
        (made / RECORD_FILE).write_text(record.replace('"format":1', '"format":2'))
    assert folder.start() == Findings(set_aside=1)
    assert folder.versions() == []
    assert len(folder.lost()) > 0
    assert list(folder.storage.models.iterdir()) == []


@pytest.mark.parametrize(
    "stray", ["file", "a b/1/model.prunus", "m/one/model.prunus", "m/01/x", "m/file"]
)
def test_strangers_among_the_models_are_set_aside(folder: Folder, stray: str) -> None:
    folder.publish("a")
    path = folder.storage.models / stray
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("precious")
    assert folder.start() == Findings(set_aside=1)
    assert folder.lost() == [stray]
    assert folder.versions() == [1]


def test_a_link_among_the_models_is_set_aside_and_its_target_left_alone(
    folder: Folder, tmp_path: Path
) -> None:
    target = tmp_path / "elsewhere" / "1"
    target.mkdir(parents=True)
    (target / "model.prunus").write_text("precious")
    (folder.storage.models / "n").symlink_to(target.parent)
    assert folder.start() == Findings(set_aside=1)
    assert (target / "model.prunus").read_text() == "precious"


def test_only_a_marked_folder_without_a_row_is_removed(folder: Folder) -> None:
    made = folder.publish("a")
    (made / PENDING_FILE).touch()  # a crash after the commit
    assert folder.start() == Findings()
    assert not (made / PENDING_FILE).exists()
    (made / PENDING_FILE).touch()  # a crash before it
    folder.lose_database()
    assert folder.start() == Findings(removed=1)
    assert (folder.versions(), folder.lost()) == ([], [])


def test_a_damaged_row_is_written_again_from_its_folder(folder: Folder) -> None:
    made = folder.publish("a")
    with folder.database.transaction() as connection:
        connection.execute("UPDATE versions SET summary = '?'")
    assert isinstance(folder.storage.all_versions()[0], DamagedVersion)
    assert folder.start() == Findings(rebuilt=1)
    assert folder.storage.version("m", 1).summary == SUMMARY
    (made / RECORD_FILE).unlink()
    with folder.database.transaction() as connection:
        connection.execute("UPDATE versions SET summary = '?'")
    assert folder.start() == Findings()  # nothing to write it from
    assert isinstance(folder.storage.all_versions()[0], DamagedVersion)


def test_what_is_in_the_way_of_a_version_is_set_aside(folder: Folder) -> None:
    stray = folder.storage.models / "m" / "1"
    stray.mkdir(parents=True)
    (stray / "old").write_text("x")
    made = folder.publish("a")
    assert {path.name for path in made.iterdir()} == {"model.prunus", RECORD_FILE}
    assert folder.lost() == ["m/1/old"]


def test_what_was_set_aside_or_deleted_goes_after_some_days(folder: Folder) -> None:
    folder.publish("a")
    folder.publish("b")
    folder.storage.delete("m", [2])
    folder.lose_database()
    (folder.storage.models / "m" / "1" / "model.prunus").unlink()
    folder.start()
    folder.storage.housekeep(1.0)
    assert folder.lost() == ["m/1/version.json"]
    assert folder.storage.trash.identities() == {Identity("m", 2, "b")}
    for place in (*(folder.root / "lost").iterdir(), *(folder.root / "trash").iterdir()):
        os.utime(place, (0, place.stat().st_mtime - 86_401))
    folder.storage.housekeep(1.0)
    assert folder.lost() == []
    assert folder.storage.trash.identities() == set()


def test_a_reserve_is_kept_and_taken_again(folder: Folder) -> None:
    reserve = folder.root / "reserve"
    folder.database.reserve.refill()
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    folder.database.reserve.release()
    folder.database.reserve.release()
    assert not reserve.exists()
    folder.database.reserve.refill()
    folder.database.reserve.refill()
    assert reserve.stat().st_size == RESERVE_BYTES


def test_a_service_without_its_database_serves_what_it_served(
    make_settings: Make, small_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings()
    with live(settings) as service:
        assert service.upload(small_file, "kept").status_code == 201
        assert service.upload(small_file, "gone").status_code == 201
        wanted = service.predict(model="kept", inputs=[[1] * 6]).json()
        assert service.http.delete("/models/gone").status_code == 204
    for file in settings.data_dir.glob("prunus.db*"):
        file.unlink()
    with live(settings) as service:
        assert service.predict(model="kept", inputs=[[1] * 6]).json() == wanted
        assert service.http.get("/models/gone").status_code == 404
        metrics = service.http.get("/metrics").text
        assert 'prunus_recovered_versions{result="rebuilt"} 1.0' in metrics
        assert 'prunus_recovered_versions{result="set_aside"} 0.0' in metrics
    assert any("did not know version 1 of model 'kept'" in line for line in caplog.messages)


def test_a_damaged_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "prunus.db").write_bytes(
        b"this is no database, and long enough to be seen as none" * 99
    )
    with pytest.raises(sqlite3.DatabaseError):
        Database(tmp_path / "prunus.db")
