/* python.exe: calls Py_Main of the signed python311.dll beside it. */
#include <windows.h>
typedef int (*py_main)(int, wchar_t **);

int wmain(int argc, wchar_t **argv) {
  HMODULE dll = LoadLibraryW(L"python311.dll");
  if (!dll) return 253;
  py_main run = (py_main)(void *)GetProcAddress(dll, "Py_Main");
  return run ? run(argc, argv) : 252;
}
