"""What a process that does not end waits for."""

import subprocess

from endpoint_shim.linux import stuck


def test_a_process_on_local_disks_hangs_in_no_mount() -> None:
    process = subprocess.Popen(["/bin/sleep", "600"])
    try:
        assert stuck.mount_of(process.pid) == ""
        assert stuck.name_of(process.pid) == "sleep"
    finally:
        process.kill()
        process.wait()
    assert stuck.mount_of(process.pid) == "" and stuck.name_of(process.pid) == ""
