/* A double of a program of the system's that prints what a file beside it holds: NAME.exe prints
   NAME.exe.txt as it is, bytes of any page. `epl LOG FILE` (wevtutil) writes them into FILE. */

#include "double.h"

int wmain(int count, wchar_t **words) {
    wchar_t name[MAX_PATH], said[MAX_PATH];
    begin(count, words);
    GetModuleFileNameW(NULL, name, MAX_PATH);
    swprintf(said, MAX_PATH, L"%ls.txt", name);
    FILE *from = _wfopen(said, L"rb"), *to = stdout;
    if (!from) return 87;
    if (count > 3 && !wcscmp(words[1], L"epl")) to = _wfopen(words[3], L"wb");
    _setmode(_fileno(to), _O_BINARY);
    char data[4096];
    for (size_t got; (got = fread(data, 1, sizeof data, from));) fwrite(data, 1, got, to);
    fclose(to);
    return 0;
}
