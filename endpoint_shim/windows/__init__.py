"""The Host on Windows: raw facts from the kernel's own calls, by handle wherever there is one."""
