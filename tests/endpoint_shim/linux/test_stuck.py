"""Mounts read without touching them."""

import subprocess

from endpoint_shim.linux import stuck


def test_a_mount_point_with_a_space_is_read_and_the_later_mount_counts() -> None:
    listing = (
        "31 23 0:28 / / rw - ext4 /dev/x rw\n"
        "40 31 0:30 / /mnt/a\\040b rw,relatime shared:1 - ext4 /dev/y rw\n"
        "41 31 0:31 / /mnt/a\\040b rw,relatime - fuse.sshfs far: rw\n"
    )
    assert stuck.read_mounts(listing) == {"/": "ext4", "/mnt/a b": "fuse.sshfs"}


def test_a_process_on_local_disks_hangs_in_no_mount() -> None:
    process = subprocess.Popen(["/bin/sleep", "600"])
    try:
        assert stuck.mount_of(process.pid) == ""
        assert stuck.name_of(process.pid) == "sleep"
    finally:
        process.kill()
        process.wait()
    assert stuck.mount_of(process.pid) == "" and stuck.name_of(process.pid) == ""
