/* ptyrun.exe CMD...: Wine 8.0 leaves a ConPTY client's standard handles NULL; open the console, pass it on. */
#include <windows.h>

static BOOL WINAPI ignore(DWORD event) {
  return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
}

static WCHAR *after_own_name(WCHAR *at) {
  if (*at == '"') {
    at++;
    while (*at && *at != '"') at++;
    if (*at) at++;
  } else {
    while (*at && *at != ' ' && *at != '\t') at++;
  }
  while (*at == ' ' || *at == '\t') at++;
  return at;
}

int WINAPI wWinMainCRTStartup(void) {
  SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
  HANDLE in = CreateFileW(L"CONIN$", GENERIC_READ | GENERIC_WRITE, 3, &inherited, OPEN_EXISTING, 0, 0);
  HANDLE out = CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE, 3, &inherited, OPEN_EXISTING, 0, 0);
  STARTUPINFOW start;
  PROCESS_INFORMATION child;
  DWORD status = 0;
  ZeroMemory(&start, sizeof start);
  start.cb = sizeof start;
  start.dwFlags = STARTF_USESTDHANDLES;
  start.hStdInput = in;
  start.hStdOutput = out;
  start.hStdError = out;
  if (!CreateProcessW(NULL, after_own_name(GetCommandLineW()), NULL, NULL, TRUE, 0, NULL, NULL, &start, &child))
    ExitProcess(GetLastError());
  SetConsoleCtrlHandler(ignore, TRUE);
  WaitForSingleObject(child.hProcess, INFINITE);
  GetExitCodeProcess(child.hProcess, &status);
  ExitProcess(status);
}
