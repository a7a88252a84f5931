/* bcryptprimitives.dll: Rust's standard library wants ProcessPrng, which Wine 8.0 lacks. */
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE at, SIZE_T left) {
  while (left) {
    ULONG part = left > 0x40000000 ? 0x40000000 : (ULONG)left;
    if (!SystemFunction036(at, part)) return FALSE;
    at += part;
    left -= part;
  }
  return TRUE;
}
