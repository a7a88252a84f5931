/* A double of powershell.exe, for the one script that App Control needs it for.

   `convert` writes a policy's name and whether it is enforced, then the XML: what the double of
   CiTool.exe takes for a policy. `status` says what Win32_DeviceGuard would of SiPolicy.p7b, which
   lies where it lies in System32. It runs no script: of the real one only the words are known. */

#include "double.h"

static const wchar_t *word(int count, wchar_t **words, const wchar_t *name) {
    for (int at = 1; at + 1 < count; at++)
        if (!wcscmp(words[at], name)) return words[at + 1];
    return L"";
}

static int convert(const wchar_t *from, const wchar_t *to) {
    char *xml = content(from), *name = NULL;
    if (xml) name = between(xml, "<PolicyID>", "<");
    if (xml && !name) name = between(xml, "<PolicyTypeID>", "<");
    if (!name) {
        fprintf(stderr, "ConvertFrom-CIPolicy : There is an error in the XML document.\n");
        return 1;
    }
    FILE *file = _wfopen(to, L"wb");
    fprintf(file, "CIP %s %s\n%s", name, strstr(xml, "Enabled:Audit Mode") ? "audit" : "enforced",
            xml);
    fclose(file);
    return 0;
}

int wmain(int count, wchar_t **words) {
    begin(count, words);
    const wchar_t *script = word(count, words, L"-File"), *work = word(count, words, L"-Work");
    if (GetFileAttributesW(script) == INVALID_FILE_ATTRIBUTES) return 64;
    const wchar_t *from = word(count, words, L"-From");
    if (!wcscmp(work, L"convert")) return convert(from, word(count, words, L"-To"));
    if (!wcscmp(work, L"refresh")) return content(from) ? 0 : 1;
    char *policy = content(beside(L"..\\..\\CodeIntegrity\\SiPolicy.p7b"));
    printf("%d", !policy ? 0 : strstr(policy, " enforced\n") ? 2 : 1);
    return 0;
}
