/* A double of netapi32.dll for what Wine's lacks: local groups, SMB sessions, shares in use. Its
   name is another one, for Wine gives its own to whoever asks for that.
   Built from mingw's own headers, so it has its structures where Windows has them. Groups come one
   in each answer (ERROR_MORE_DATA), as a large list does. */

#include <windows.h>
#include <lm.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __declspec(dllexport)

static int none, refused;

EXPORTED void double_none(int on) { none = on; }
EXPORTED void double_refused(int on) { refused = on; }

static const struct { LPWSTR name, comment; } GROUPS[] = {
    {L"Administrators", L"full rights"},
    {L"\x0410\x0434\x043c\x0438\x043d\x0438", L""},
};
static const wchar_t *MEMBERS[] = {
    L"S-1-5-32-544", L"S-1-5-21-1-2-3-1001", L"S-1-12-1-1111-2222-3333-4444",
};

static void *given(const void *data, size_t size) {
    void *made = malloc(size);
    memcpy(made, data, size);
    return made;
}

EXPORTED NET_API_STATUS WINAPI NetLocalGroupEnum(LPCWSTR server, DWORD level, LPBYTE *buffer, DWORD most,
                                        LPDWORD read, LPDWORD total, PDWORD_PTR resume) {
    if (server || level != 1 || most != MAX_PREFERRED_LENGTH) return ERROR_INVALID_PARAMETER;
    DWORD_PTR at = *resume;
    LOCALGROUP_INFO_1 found = {GROUPS[at].name, GROUPS[at].comment};
    *buffer = given(&found, sizeof found);
    *read = 1, *total = 2 - at, *resume = at + 1;
    return at + 1 < 2 ? ERROR_MORE_DATA : NERR_Success;
}

EXPORTED NET_API_STATUS WINAPI NetLocalGroupGetMembers(LPCWSTR server, LPCWSTR group, DWORD level,
                                              LPBYTE *buffer, DWORD most, LPDWORD read,
                                              LPDWORD total, PDWORD_PTR resume) {
    if (server || level || most != MAX_PREFERRED_LENGTH) return ERROR_INVALID_PARAMETER;
    *buffer = NULL, *read = *total = 0;
    if (wcscmp(group, GROUPS[0].name)) return NERR_Success;
    LOCALGROUP_MEMBERS_INFO_0 found[3];
    for (int at = 0; at < 3; at++)
        if (!ConvertStringSidToSidW(MEMBERS[at], &found[at].lgrmi0_sid)) return GetLastError();
    *buffer = given(found, sizeof found);
    *read = *total = 3;
    return NERR_Success;
}

EXPORTED NET_API_STATUS WINAPI NetSessionEnum(LMSTR server, LMSTR client, LMSTR user, DWORD level,
                                     LPBYTE *buffer, DWORD most, LPDWORD read, LPDWORD total,
                                     LPDWORD resume) {
    if (server || client || user || level != 10) return ERROR_INVALID_PARAMETER;
    if (refused) return ERROR_ACCESS_DENIED;
    SESSION_INFO_10 found = {L"\\\\10.0.0.9", L"mallory", 3600, 12};
    *buffer = given(&found, sizeof found);
    *read = *total = none ? 0 : 1;
    return NERR_Success;
}

EXPORTED NET_API_STATUS WINAPI NetUseEnum(LMSTR server, DWORD level, LPBYTE *buffer, DWORD most,
                                 LPDWORD read, LPDWORD total, LPDWORD resume) {
    if (server || level != 1) return ERROR_INVALID_PARAMETER;
    USE_INFO_1 found = {L"Z:", L"\\\\files\\share", NULL, USE_OK, USE_DISKDEV, 1, 1};
    *buffer = given(&found, sizeof found);
    *read = *total = none ? 0 : 1;
    return NERR_Success;
}

EXPORTED NET_API_STATUS WINAPI NetApiBufferFree(LPVOID buffer) {
    free(buffer);
    return NERR_Success;
}
