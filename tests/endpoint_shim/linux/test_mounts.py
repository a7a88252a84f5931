"""mountinfo, by its letters."""

from endpoint_shim.linux.mounts import mount_of, parse, read_mounts, seen

LINES = (
    b"27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n",
    b"30 27 0:40 / /mnt/a\\040b\\134 rw,noexec - nfs4 server:/x rw\n",
    b"31 27 0:41 / /mnt rw - fuse.sshfs me@there:/ rw\n",
    b"32 27 0:42 / /mnt rw - tmpfs none rw\n",
)


def test_a_line_is_read_with_its_escapes() -> None:
    mount = parse(LINES[1])
    assert mount is not None
    assert (mount.point, mount.kind, mount.source) == (b"/mnt/a b\\", "nfs4", b"server:/x")
    assert "noexec" in mount.options and mount.device == (0, 40)
    assert mount.may_hang and not mount.searched
    assert parse(b"no mount\n") is None


def test_a_later_mount_hides_an_earlier_one() -> None:
    mounts = [mount for line in LINES if (mount := parse(line)) is not None]
    assert seen(mounts)[b"/mnt"].kind == "tmpfs"
    found = {path: mount_of(path, mounts) for path in (b"/mnt/x", b"/mnt/a b\\/y", b"/mntx")}
    assert [mount.kind if mount else "" for mount in found.values()] == ["tmpfs", "nfs4", "ext4"]


def test_the_kernels_own_file_systems_never_hang_and_are_not_searched() -> None:
    mount = seen(read_mounts())[b"/proc"]
    assert (mount.kind, mount.may_hang, mount.searched) == ("proc", False, False)
