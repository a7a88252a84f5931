/* A double of MpCmdRun.exe. It says what `mode` beside it names, as the real one does:
   clean, threat (2), quiet-threat (0), engine-off (2 with an HRESULT), silent (2 and no word),
   unknown-option (refuses -CpuThrottling), waits (until -Scan -Cancel). */

#include "double.h"

#define THREAT "Threat                  : Virus:DOS/EICAR_Test_File\r\n" \
               "Resources               : 1 total\r\n    file                : C:\\x\\eicar.com\r\n"

static int has(int count, wchar_t **words, const wchar_t *wanted) {
    for (int at = 1; at < count; at++)
        if (!wcscmp(words[at], wanted)) return 1;
    return 0;
}

static int failed(const char *number) {
    printf("CmdTool: Failed with hr = %s. Check C:\\Temp\\MpCmdRun.log for more information\r\n",
           number);
    return 2;
}

int wmain(int count, wchar_t **words) {
    begin(count, words);
    char *mode = content(beside(L"mode"));
    if (has(count, words, L"-Cancel")) {
        fclose(_wfopen(beside(L"cancelled"), L"wb"));
        return 0;
    }
    if (!strcmp(mode, "unknown-option") && has(count, words, L"-CpuThrottling"))
        return failed("0x80070057");
    printf("Scan starting...\r\n");
    fflush(stdout);
    if (!strcmp(mode, "engine-off")) return failed("0x800106BA");
    if (!strcmp(mode, "silent")) return 2;
    while (!strcmp(mode, "waits") && _waccess(beside(L"cancelled"), 0)) Sleep(20);
    printf("Scan finished.\r\n");
    if (strstr(mode, "threat")) {
        printf("Scanning C:\\x found 1 threats.\r\n" THREAT);
        return strcmp(mode, "threat") ? 0 : 2;
    }
    printf("Scanning C:\\x found no threats.\r\n");
    return 0;
}
