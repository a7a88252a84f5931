/* What the doubles of Windows' programs share: where they lie, what they were given, files. */

#include <windows.h>
#include <io.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static wchar_t folder[MAX_PATH];

/* Notes the words beside the program (PROGRAM.exe.log, UTF-8, a line for each start). */
static void begin(int count, wchar_t **words) {
    char line[8192];
    wchar_t log[MAX_PATH];
    GetModuleFileNameW(NULL, folder, MAX_PATH);
    swprintf(log, MAX_PATH, L"%ls.log", folder);
    *wcsrchr(folder, L'\\') = 0;
    FILE *file = _wfopen(log, L"ab");
    for (int at = 1; at < count; at++) {
        WideCharToMultiByte(CP_UTF8, 0, words[at], -1, line, sizeof line, NULL, NULL);
        fprintf(file, "%s%s", at > 1 ? "\t" : "", line);
    }
    fputc('\n', file);
    fclose(file);
}

static wchar_t *beside(const wchar_t *name) {
    static wchar_t path[4][MAX_PATH];
    static int at;
    wchar_t *found = path[at++ % 4];
    swprintf(found, MAX_PATH, L"%ls\\%ls", folder, name);
    return found;
}

/* A file's bytes and a NUL; nothing where there is none. */
static char *content(const wchar_t *path) {
    FILE *file = _wfopen(path, L"rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *data = calloc(1, size + 1);
    size_t got = fread(data, 1, size, file);
    data[got] = 0;
    fclose(file);
    return data;
}

/* Between two marks, in memory of its own. */
static char *between(const char *text, const char *from, const char *to) {
    const char *begins = strstr(text, from), *ends;
    if (!begins) return NULL;
    begins += strlen(from);
    if (!(ends = strstr(begins, to))) return NULL;
    char *found = calloc(1, ends - begins + 1);
    memcpy(found, begins, ends - begins);
    return found;
}
