/* A double of wevtutil.exe: `qe LOG /q:... /f:xml /c:N /uni:true` over `events.xml` beside it, one
   event a line, oldest first; of the question it knows the events' numbers and the last record. With a file `hang` beside it, it
   does. */

#include "double.h"

static long number(const char *text, const char *from) {
    const char *found = strstr(text, from);
    return found ? strtol(found + strlen(from), NULL, 10) : -1;
}

static void write_wide(const char *text) {
    int size = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *wide = calloc(size, sizeof *wide);
    MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, size);
    fwrite(wide, sizeof *wide, size - 1, stdout);
    free(wide);
}

int wmain(int count, wchar_t **words) {
    begin(count, words);
    char query[1024] = "", mark[32], *text = content(beside(L"events.xml"));
    int newest = 0, most = 1 << 20;
    if (count < 3 || wcscmp(words[1], L"qe")) return 87;
    if (content(beside(L"hang"))) Sleep(600000);
    if (!text) return 15007; /* ERROR_EVT_CHANNEL_NOT_FOUND */
    for (int at = 3; at < count; at++) {
        if (!wcsncmp(words[at], L"/q:", 3))
            WideCharToMultiByte(CP_UTF8, 0, words[at] + 3, -1, query, 1024, NULL, NULL);
        if (!wcscmp(words[at], L"/rd:true")) newest = 1;
        if (!wcsncmp(words[at], L"/c:", 3)) most = _wtoi(words[at] + 3);
    }
    long after = number(query, "EventRecordID > ");
    const char *last = NULL;
    _setmode(_fileno(stdout), _O_BINARY);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        sprintf(mark, "EventID=%ld", number(line, "<EventID>"));
        if (number(line, "<EventRecordID>") <= after || (*query && !strstr(query, mark))) continue;
        last = line;
        if (!newest && most-- > 0) write_wide(line);
    }
    if (newest && last) write_wide(last);
    return 0;
}
