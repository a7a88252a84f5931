/* conpty.dll for pywinpty 3: forwards to Wine's own pseudo console (the bundled OpenConsole cannot run there). */
#include <windows.h>
typedef void *CONSOLE;
typedef HRESULT(WINAPI *CREATE)(COORD, HANDLE, HANDLE, DWORD, CONSOLE *);
typedef HRESULT(WINAPI *RESIZE)(CONSOLE, COORD);
typedef void(WINAPI *CLOSE)(CONSOLE);
#define EXPORT __declspec(dllexport)

static void *kernel(const char *name) {
  return (void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), name);
}

EXPORT HRESULT WINAPI ConptyCreatePseudoConsole(COORD size, HANDLE in, HANDLE out, DWORD flags, CONSOLE *made) {
  CREATE call = (CREATE)kernel("CreatePseudoConsole");
  return call ? call(size, in, out, flags, made) : E_NOTIMPL;
}
EXPORT HRESULT WINAPI ConptyResizePseudoConsole(CONSOLE console, COORD size) {
  RESIZE call = (RESIZE)kernel("ResizePseudoConsole");
  return call ? call(console, size) : E_NOTIMPL;
}
EXPORT void WINAPI ConptyClosePseudoConsole(CONSOLE console) {
  CLOSE call = (CLOSE)kernel("ClosePseudoConsole");
  if (call) call(console);
}
EXPORT HRESULT WINAPI ConptyShowHidePseudoConsole(CONSOLE console, BOOL show) { return S_OK; }
EXPORT HRESULT WINAPI ConptyReleasePseudoConsole(CONSOLE console) { return S_OK; }
EXPORT HRESULT WINAPI ConptyClearPseudoConsole(CONSOLE console) { return S_OK; }
EXPORT HRESULT WINAPI ConptyReparentPseudoConsole(CONSOLE console, HWND window) { return S_OK; }
