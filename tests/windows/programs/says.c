/* says.exe: its arguments, one a line in UTF-8, then the first bytes of the script after -File.
   It stands in for powershell.exe too, of which Wine has only an empty one. */
#include <stdio.h>
#include <windows.h>

int wmain(int argc, wchar_t **argv) {
  static char text[131072];
  unsigned char head[8];
  int status = 0;
  for (int at = 1; at < argc; at++) {
    WideCharToMultiByte(CP_UTF8, 0, argv[at], -1, text, sizeof text, NULL, NULL);
    printf("<%s>\n", text);
    if (wcscmp(argv[at], L"-File") == 0 && at + 1 < argc) {
      FILE *script = _wfopen(argv[at + 1], L"rb");
      size_t size = script ? fread(head, 1, sizeof head, script) : 0;
      for (size_t byte = 0; byte < size; byte++) fprintf(stderr, "%02x", head[byte]);
      fprintf(stderr, "\n");
      status = 5;
    }
  }
  return status;
}
