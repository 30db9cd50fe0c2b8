"""The supervisor's own files are taken away while it runs: it goes on, says so, and outlives its daemon as ever."""

from __future__ import annotations

import shutil
import xmlrpc.client
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_gaps import check_once
from tests.faults.test_keeper_killed import kill_both, kill_keeper
from tests.faults.test_storage import disk, remount
from tests.support.processes import alive
from tests.support.sleepers import programs
from tests.support.supervisor import Supervisor
from tests.support.waiting import until

__all__ = ["disk"]  # a fixture
COUNT = 3


def goes_on(supervisor: Supervisor, before: list[int]) -> int:
    """Nobody was started anew; one is started and stopped. How many things were compared."""
    assert [supervisor.info(f"p{n}")["pid"] for n in range(COUNT)] == before
    supervisor.rpc.supervisor.restartProcess("p0")
    before[0] = supervisor.info("p0")["pid"]
    return COUNT + check_once(supervisor, COUNT)


@pytest.mark.parametrize("how", ["gone", "broken"])
@pytest.mark.parametrize("what", ["conf", "more.conf"])
def test_the_configuration_is_gone_or_broken_and_the_daemon_is_killed(
    supervise: Supervise, tmp_path: Path, faults: Faults, what: str, how: str
) -> None:
    more = tmp_path / "more.conf"
    more.write_text(programs(COUNT))
    supervisor = supervise("[include]\nfiles=*.conf\n")
    file = tmp_path / what
    good = file.read_text()
    before = [supervisor.wait_state(f"p{n}", "RUNNING")["pid"] for n in range(COUNT)]
    file.write_text("[program:p0\nthis is no configuration\n") if how == "broken" else file.unlink()
    supervisor.kill_daemon()
    supervisor.wait_ready()
    faults.checked(goes_on(supervisor, before))
    follows = {"conf": "fail until it is there again", "more.conf": "which go without it"}[what]
    if how == "gone":
        supervisor.wait_log(f" WARN {file} is gone: what was read from it goes on")
        assert follows in supervisor.log()
    assert supervisor.log().count(" is gone: ") == (how == "gone")
    if (what, how) == ("more.conf", "gone"):  # a pattern that nothing matches any more
        assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], [f"p{n}" for n in range(COUNT)]]]
    else:
        with pytest.raises(xmlrpc.client.Fault, match="CANT_REREAD"):
            supervisor.rpc.supervisor.reloadConfig()
    kill_keeper(supervisor)
    faults.checked(goes_on(supervisor, before))
    file.write_text(good)
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]
    faults.injected(f"a configuration file is {how}, and keeper or daemon killed", 2)


def in_a_folder_of_its_own(supervisor: Supervisor, folder: Path) -> Path:
    """Its pidfile, and with it the list of what runs; started."""
    config = supervisor.config_file.read_text().replace("pidfile=%(here)s", f"pidfile={folder}")
    supervisor.config_file.write_text(config)
    supervisor.start()
    assert int((folder / "pid").read_text()) == supervisor.keeper_pid
    return folder


def test_the_folder_of_the_pidfile_is_removed(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    (tmp_path / "run").mkdir()
    supervisor = supervise(programs(COUNT), start=False)
    folder = in_a_folder_of_its_own(supervisor, tmp_path / "run")
    before = [supervisor.wait_state(f"p{n}", "RUNNING")["pid"] for n in range(COUNT)]
    shutil.rmtree(folder)
    faults.checked(goes_on(supervisor, before))
    supervisor.kill_daemon()
    supervisor.wait_ready()
    faults.checked(goes_on(supervisor, before))
    kill_keeper(supervisor)
    faults.checked(goes_on(supervisor, before))
    supervisor.shutdown()
    assert not any(map(alive, before))
    faults.injected("the folder of pidfile and state is removed, and keeper or daemon killed", 2)


def test_the_folder_of_the_pidfile_cannot_be_written(
    disk: Path, supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    supervisor = supervise(programs(COUNT), start=False)
    in_a_folder_of_its_own(supervisor, disk)
    before = [supervisor.wait_state(f"p{n}", "RUNNING")["pid"] for n in range(COUNT)]
    kill_both(
        supervisor
    )  # so that nobody has a file open for writing, which would keep it from being read-only
    remount(disk, "ro")
    supervisor.start()
    supervisor.wait_log(f"could not write pidfile {disk}/pid")
    faults.checked(goes_on(supervisor, before))
    supervisor.kill_daemon()
    supervisor.wait_ready()
    faults.checked(goes_on(supervisor, before))
    remount(disk, "rw")
    kill_keeper(supervisor)
    faults.checked(goes_on(supervisor, before))
    until(
        lambda: (disk / "pid").read_text().strip() == str(supervisor.keeper_pid), "the new pid in the pidfile"
    )
    faults.injected("the folder of pidfile and state is read-only, and keeper or daemon killed", 3)
