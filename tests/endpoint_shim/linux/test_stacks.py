"""What a kernel's stack says of the file that is opened; kernels from 5.4 to 6.18."""

import os

import pytest

from endpoint_shim.linux import stacks

OPENED = b"[<0>] fanotify_handle_event+0x1\n[<0>] do_dentry_open+0x1\n[<0>] do_open_execat+0x1\n"
CALL = b"[<0>] do_execveat_common+0x1\n[<0>] __x64_sys_execve+0x1\n"
LOADER = OPENED + b"[<0>] open_exec+0x1\n[<0>] load_elf_binary+0x1\n[<0>] bprm_execve+0x1\n" + CALL


@pytest.mark.parametrize(
    "program",
    [
        OPENED + b"[<0>] alloc_bprm+0x1\n" + CALL,
        OPENED + b"[<0>] bprm_execve+0x1\n" + CALL,
        OPENED + b"[<0>] __do_execve_file+0x1\n[<0>] __x64_sys_execve+0x1\n",
    ],
)
def test_a_program_is_told_from_a_loader(program: bytes) -> None:
    assert stacks.says_program(program)
    assert not stacks.says_program(LOADER)


@pytest.mark.parametrize(
    "unclear",
    [b"", OPENED, b"[<0>] 0xffffffff81234567\n[<0>] 0xffffffff81234568\n", LOADER[:-40]],
)
def test_what_is_not_seen_whole_says_nothing(unclear: bytes) -> None:
    assert not stacks.says_program(unclear)


def test_a_thread_that_starts_nothing_asks_for_no_program() -> None:
    assert not stacks.is_program(os.getpid())
