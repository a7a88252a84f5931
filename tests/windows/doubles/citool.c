/* A double of CiTool.exe: policies are files in CodeIntegrity\CiPolicies\Active, as the real one
   keeps them. Without -json the real one waits for a key, and so does this. Policies are those that
   the double of powershell.exe makes. A file `refuse` beside it has it refuse what changes any. */

#include "double.h"

#define ACTIVE L"CodeIntegrity\\CiPolicies\\Active\\"

static int answer(long result) {
    printf("{\"OperationResult\":%ld}\r\n", result);
    return 0;
}

static int update(const wchar_t *path) {
    wchar_t name[64], target[128];
    char *policy = content(path), *braced = policy ? between(policy, "CIP ", " ") : NULL;
    if (!braced) return answer(-2147024809); /* E_INVALIDARG */
    MultiByteToWideChar(CP_UTF8, 0, braced, -1, name, 64);
    swprintf(target, 128, ACTIVE L"%ls.cip", name);
    return answer(CopyFileW(path, beside(target), FALSE) ? 0 : -2147024893);
}

static int removed(const wchar_t *name) {
    wchar_t target[128];
    swprintf(target, 128, ACTIVE L"%ls.cip", name);
    return answer(DeleteFileW(beside(target)) ? 0 : -2147023728); /* ERROR_NOT_FOUND */
}

static int list(void) {
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(beside(ACTIVE L"*.cip"), &found);
    const char *comma = "";
    printf("{\"OperationResult\":0,\"Policies\":[");
    for (BOOL more = search != INVALID_HANDLE_VALUE; more; more = FindNextFileW(search, &found)) {
        wchar_t path[MAX_PATH];
        swprintf(path, MAX_PATH, ACTIVE L"%ls", found.cFileName);
        char *policy = content(beside(path));
        printf("%s{\"PolicyID\":\"%.36ls\",\"IsSystemPolicy\":false,\"IsOnDisk\":true,"
               "\"IsEnforced\":%s}", comma, found.cFileName + 1,
               strstr(policy, " enforced\n") ? "true" : "false");
        comma = ",";
    }
    printf("]}\r\n");
    return 0;
}

int wmain(int count, wchar_t **words) {
    begin(count, words);
    if (count < 3 || wcscmp(words[count - 1], L"-json")) {
        printf("Press Enter to Continue");
        getwchar();
        return 1;
    }
    if (!wcscmp(words[1], L"--list-policies")) return list();
    if (GetFileAttributesW(beside(L"refuse")) != INVALID_FILE_ATTRIBUTES)
        return answer(-2147024891); /* E_ACCESSDENIED */
    if (!wcscmp(words[1], L"--update-policy")) return update(words[2]);
    if (!wcscmp(words[1], L"--remove-policy")) return removed(words[2]);
    return answer(-2147024809);
}
