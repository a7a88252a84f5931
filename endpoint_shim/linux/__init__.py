"""The Host on Linux: raw facts from system calls and /proc, by handle wherever there is one."""
