/* A double of fwpuclnt.dll, the Filtering Platform's client library; it filters nothing.

   It keeps what it is given as the Base Filtering Engine would, in this process alone: read and
   copied through the structures of mingw's own headers, checked as Microsoft documents it
   (FWPM_FILTER0, "Filtering Conditions Available at Each Filtering Layer", "Object Lifetimes"),
   refused with the engine's own errors. `double_shown` writes what it has by the names of those
   headers: a test compares that with what was meant, so a field that lies elsewhere shows.

   The layers and conditions are missing in those headers; here they are from Windows' SDK. */

#include <initguid.h>
#include <windows.h>
#include <sddl.h>
#include <fwpmu.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define PERSISTENT 0x1
#define BOOTTIME 0x2
#define CLEAR_ACTION_RIGHT 0x8
#define DISABLED 0x20
#define KNOWN_FLAGS 0x2F
#define MOST 4096

typedef struct {
    FWPM_PROVIDER0 *providers[8];
    FWPM_SUBLAYER0 *sublayers[8];
    FWPM_FILTER0 *filters[MOST];
    int provider_count, sublayer_count, filter_count;
} Store;

static Store now, before;
static int in_transaction, read_only, refused_at, changes;
static UINT64 next_id = 100000;
static char *told;
static size_t told_size, told_at;

/* Memory: what is kept is never freed, what is handed out is one allocation's tree, let go by the
   test's process. */

static void *copied(const void *from, size_t size) {
    void *to = calloc(1, size ? size : 1);
    if (from && size) memcpy(to, from, size);
    return to;
}

static wchar_t *copied_text(const wchar_t *text) {
    return text ? copied(text, (wcslen(text) + 1) * sizeof *text) : NULL;
}

static FWP_BYTE_BLOB *copied_blob(const FWP_BYTE_BLOB *blob) {
    FWP_BYTE_BLOB *to = copied(blob, sizeof *blob);
    to->data = copied(blob->data, blob->size);
    return to;
}

static void say(const char *form, ...) {
    va_list words, again;
    va_start(words, form);
    va_copy(again, words);
    size_t needed = vsnprintf(NULL, 0, form, again) + 1;
    if (told_at + needed > told_size) told = realloc(told, told_size = 2 * (told_at + needed));
    told_at += vsnprintf(told + told_at, needed, form, words);
    va_end(again);
    va_end(words);
}

#include "fwpuclnt_conditions.h"

static int provider_at(const GUID *key) {
    for (int at = 0; at < now.provider_count; at++)
        if (IsEqualGUID(&now.providers[at]->providerKey, key)) return at;
    return -1;
}

static int sublayer_at(const GUID *key) {
    for (int at = 0; at < now.sublayer_count; at++)
        if (IsEqualGUID(&now.sublayers[at]->subLayerKey, key)) return at;
    return -1;
}

static int filter_at(const GUID *key) {
    for (int at = 0; at < now.filter_count; at++)
        if (IsEqualGUID(&now.filters[at]->filterKey, key)) return at;
    return -1;
}

/* Whether a change may be made now; the one that the test chose is refused. */
static DWORD change(void) {
    if (!in_transaction) return FWP_E_NO_TXN_IN_PROGRESS; /* ours are never made one by one */
    if (read_only) return FWP_E_INCOMPATIBLE_TXN;
    return ++changes == refused_at ? FWP_E_SESSION_ABORTED : ERROR_SUCCESS;
}

/* Filters. */

static DWORD check_filter(const FWPM_FILTER0 *filter, const Layer *layer) {
    int lasts = filter->flags & (PERSISTENT | BOOTTIME), at;
    if (!layer) return FWP_E_LAYER_NOT_FOUND;
    if (!filter->displayData.name) return FWP_E_NULL_DISPLAY_NAME;
    if ((filter->flags & ~KNOWN_FLAGS) || lasts == (PERSISTENT | BOOTTIME))
        return FWP_E_INVALID_FLAGS;
    if (filter->providerKey) {
        if ((at = provider_at(filter->providerKey)) < 0) return FWP_E_PROVIDER_NOT_FOUND;
        if (lasts && !(now.providers[at]->flags & PERSISTENT)) return FWP_E_LIFETIME_MISMATCH;
    }
    if ((at = sublayer_at(&filter->subLayerKey)) < 0) return FWP_E_SUBLAYER_NOT_FOUND;
    if (lasts && !(now.sublayers[at]->flags & PERSISTENT)) return FWP_E_LIFETIME_MISMATCH;
    if (filter->weight.type == FWP_UINT8 && filter->weight.uint8 > 15)
        return FWP_E_INVALID_WEIGHT;
    if (filter->weight.type != FWP_EMPTY && filter->weight.type != FWP_UINT8 &&
        filter->weight.type != FWP_UINT64)
        return FWP_E_INVALID_WEIGHT;
    if (filter->action.type != FWP_ACTION_PERMIT && filter->action.type != FWP_ACTION_BLOCK)
        return FWP_E_INVALID_ACTION_TYPE;
    for (UINT32 one = 0; one < filter->numFilterConditions; one++) {
        DWORD status = check_condition(&filter->filterCondition[one], layer);
        if (status) return status;
    }
    return ERROR_SUCCESS;
}

static FWPM_FILTER0 *copied_filter(const FWPM_FILTER0 *filter) {
    FWPM_FILTER0 *to = copied(filter, sizeof *filter);
    to->displayData.name = copied_text(filter->displayData.name);
    to->displayData.description = copied_text(filter->displayData.description);
    if (filter->providerKey) to->providerKey = copied(filter->providerKey, sizeof(GUID));
    to->providerData.data = copied(filter->providerData.data, filter->providerData.size);
    if (filter->weight.type == FWP_UINT64)
        to->weight.uint64 = copied(filter->weight.uint64, sizeof(UINT64));
    to->filterCondition =
        copied(filter->filterCondition, filter->numFilterConditions * sizeof *to->filterCondition);
    for (UINT32 at = 0; at < to->numFilterConditions; at++)
        copy_value(&to->filterCondition[at].conditionValue);
    return to;
}

DWORD WINAPI FwpmFilterAdd0(HANDLE engine, const FWPM_FILTER0 *filter, PSECURITY_DESCRIPTOR sd,
                            UINT64 *id) {
    DWORD status = change();
    if (!status) status = check_filter(filter, layer_of(&filter->layerKey));
    if (!status && filter_at(&filter->filterKey) >= 0) status = FWP_E_ALREADY_EXISTS;
    if (status || now.filter_count == MOST) return status ? status : FWP_E_OUT_OF_BOUNDS;
    FWPM_FILTER0 *kept = copied_filter(filter);
    kept->filterId = next_id++;
    kept->effectiveWeight.type = FWP_UINT64;
    kept->effectiveWeight.uint64 = copied(&kept->filterId, sizeof(UINT64));
    if (kept->numFilterConditions) kept->flags |= 0x40; /* FWPM_FILTER_FLAG_INDEXED: its own */
    now.filters[now.filter_count++] = kept;
    if (id) *id = kept->filterId;
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmFilterDeleteByKey0(HANDLE engine, const GUID *key) {
    DWORD status = change();
    int at = filter_at(key);
    if (status || at < 0) return status ? status : FWP_E_FILTER_NOT_FOUND;
    now.filters[at] = now.filters[--now.filter_count];
    return ERROR_SUCCESS;
}

typedef struct { FWPM_FILTER_ENUM_TEMPLATE0 wanted; BOOL any; int at; } Enumeration;

DWORD WINAPI FwpmFilterCreateEnumHandle0(HANDLE engine, const FWPM_FILTER_ENUM_TEMPLATE0 *wanted,
                                         HANDLE *handle) {
    Enumeration *made = copied(NULL, sizeof *made);
    made->any = wanted == NULL;
    if (wanted) {
        if (!layer_of(&wanted->layerKey)) return FWP_E_LAYER_NOT_FOUND;
        made->wanted = *wanted;
    }
    *handle = made;
    return ERROR_SUCCESS;
}

static BOOL is_wanted(const Enumeration *one, const FWPM_FILTER0 *filter) {
    UINT32 flags = one->any ? 0 : one->wanted.flags;
    if ((filter->flags & BOOTTIME) && !(flags & FWP_FILTER_ENUM_FLAG_INCLUDE_BOOTTIME))
        return FALSE;
    if ((filter->flags & DISABLED) && !(flags & FWP_FILTER_ENUM_FLAG_INCLUDE_DISABLED))
        return FALSE;
    if (one->any) return TRUE;
    if (one->wanted.providerKey &&
        (!filter->providerKey || !IsEqualGUID(one->wanted.providerKey, filter->providerKey)))
        return FALSE;
    return (filter->action.type & one->wanted.actionMask) &&
           IsEqualGUID(&one->wanted.layerKey, &filter->layerKey);
}

DWORD WINAPI FwpmFilterEnum0(HANDLE engine, HANDLE handle, UINT32 wanted, FWPM_FILTER0 ***entries,
                             UINT32 *count) {
    Enumeration *one = handle;
    FWPM_FILTER0 **found = copied(NULL, MOST * sizeof *found);
    *count = 0;
    for (; one->at < now.filter_count && *count < wanted; one->at++)
        if (is_wanted(one, now.filters[one->at]))
            found[(*count)++] = copied_filter(now.filters[one->at]);
    *entries = found;
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmFilterDestroyEnumHandle0(HANDLE engine, HANDLE handle) {
    free(handle);
    return ERROR_SUCCESS;
}

/* Providers and sublayers. */

DWORD WINAPI FwpmProviderAdd0(HANDLE engine, const FWPM_PROVIDER0 *provider,
                              PSECURITY_DESCRIPTOR sd) {
    DWORD status = change();
    if (!status && !provider->displayData.name) status = FWP_E_NULL_DISPLAY_NAME;
    if (!status && (provider->flags & ~PERSISTENT)) status = FWP_E_INVALID_FLAGS;
    if (!status && provider_at(&provider->providerKey) >= 0) status = FWP_E_ALREADY_EXISTS;
    if (status) return status;
    FWPM_PROVIDER0 *kept = copied(provider, sizeof *provider);
    kept->displayData.name = copied_text(provider->displayData.name);
    kept->displayData.description = copied_text(provider->displayData.description);
    kept->providerData.data = copied(provider->providerData.data, provider->providerData.size);
    kept->serviceName = copied_text(provider->serviceName);
    now.providers[now.provider_count++] = kept;
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmProviderGetByKey0(HANDLE engine, const GUID *key, FWPM_PROVIDER0 **provider) {
    int at = provider_at(key);
    if (at < 0) return FWP_E_PROVIDER_NOT_FOUND;
    *provider = copied(now.providers[at], sizeof **provider);
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmProviderDeleteByKey0(HANDLE engine, const GUID *key) {
    DWORD status = change();
    int at = provider_at(key);
    if (status || at < 0) return status ? status : FWP_E_PROVIDER_NOT_FOUND;
    for (int one = 0; one < now.filter_count; one++)
        if (now.filters[one]->providerKey && IsEqualGUID(now.filters[one]->providerKey, key))
            return FWP_E_IN_USE;
    for (int one = 0; one < now.sublayer_count; one++)
        if (now.sublayers[one]->providerKey && IsEqualGUID(now.sublayers[one]->providerKey, key))
            return FWP_E_IN_USE;
    now.providers[at] = now.providers[--now.provider_count];
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmSubLayerAdd0(HANDLE engine, const FWPM_SUBLAYER0 *sublayer,
                              PSECURITY_DESCRIPTOR sd) {
    DWORD status = change();
    int at;
    if (!status && !sublayer->displayData.name) status = FWP_E_NULL_DISPLAY_NAME;
    if (!status && (sublayer->flags & ~PERSISTENT)) status = FWP_E_INVALID_FLAGS;
    if (!status && sublayer_at(&sublayer->subLayerKey) >= 0) status = FWP_E_ALREADY_EXISTS;
    if (!status && sublayer->providerKey) {
        if ((at = provider_at(sublayer->providerKey)) < 0) status = FWP_E_PROVIDER_NOT_FOUND;
        else if (sublayer->flags & ~now.providers[at]->flags) status = FWP_E_LIFETIME_MISMATCH;
    }
    if (status) return status;
    FWPM_SUBLAYER0 *kept = copied(sublayer, sizeof *sublayer);
    kept->displayData.name = copied_text(sublayer->displayData.name);
    kept->displayData.description = copied_text(sublayer->displayData.description);
    if (sublayer->providerKey) kept->providerKey = copied(sublayer->providerKey, sizeof(GUID));
    now.sublayers[now.sublayer_count++] = kept;
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmSubLayerGetByKey0(HANDLE engine, const GUID *key, FWPM_SUBLAYER0 **sublayer) {
    int at = sublayer_at(key);
    if (at < 0) return FWP_E_SUBLAYER_NOT_FOUND;
    *sublayer = copied(now.sublayers[at], sizeof **sublayer);
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmSubLayerDeleteByKey0(HANDLE engine, const GUID *key) {
    DWORD status = change();
    int at = sublayer_at(key);
    if (status || at < 0) return status ? status : FWP_E_SUBLAYER_NOT_FOUND;
    for (int one = 0; one < now.filter_count; one++)
        if (IsEqualGUID(&now.filters[one]->subLayerKey, key)) return FWP_E_IN_USE;
    now.sublayers[at] = now.sublayers[--now.sublayer_count];
    return ERROR_SUCCESS;
}

/* Sessions and transactions. */

DWORD WINAPI FwpmEngineOpen0(const wchar_t *server, UINT32 service, SEC_WINNT_AUTH_IDENTITY_W *who,
                             const FWPM_SESSION0 *session, HANDLE *engine) {
    if (server || (service != RPC_C_AUTHN_WINNT && service != RPC_C_AUTHN_DEFAULT))
        return FWP_E_INVALID_PARAMETER;
    say("open flags=%#x wait=%u\n", session ? session->flags : 0,
        session ? session->txnWaitTimeoutInMSec : 0);
    *engine = &now;
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmEngineClose0(HANDLE engine) {
    if (in_transaction) FwpmTransactionAbort0(engine);
    say("close\n");
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmTransactionBegin0(HANDLE engine, UINT32 flags) {
    if (in_transaction) return FWP_E_TXN_IN_PROGRESS;
    in_transaction = 1;
    read_only = flags & 1;
    before = now;
    say("begin%s\n", read_only ? " read-only" : "");
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmTransactionCommit0(HANDLE engine) {
    if (!in_transaction) return FWP_E_NO_TXN_IN_PROGRESS;
    in_transaction = 0;
    say("commit\n");
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmTransactionAbort0(HANDLE engine) {
    if (!in_transaction) return FWP_E_NO_TXN_IN_PROGRESS;
    in_transaction = 0;
    now = before;
    say("abort\n");
    return ERROR_SUCCESS;
}

DWORD WINAPI FwpmGetAppIdFromFileName0(const wchar_t *name, FWP_BYTE_BLOB **id) {
    static const wchar_t volume[] = L"\\device\\harddiskvolume3";
    if (GetFileAttributesW(name) == INVALID_FILE_ATTRIBUTES) return GetLastError();
    size_t size = (wcslen(volume) + wcslen(name) + 1) * sizeof(wchar_t);
    wchar_t *text = copied(NULL, size);
    wcscpy(text, volume);
    wcscat(text, wcschr(name, L':') ? wcschr(name, L':') + 1 : name);
    CharLowerW(text);
    FWP_BYTE_BLOB *blob = copied(NULL, sizeof *blob);
    blob->size = (UINT32)((wcslen(text) + 1) * sizeof(wchar_t));
    blob->data = (UINT8 *)text;
    *id = blob;
    return ERROR_SUCCESS;
}

void WINAPI FwpmFreeMemory0(void **memory) {
    free(*memory);
    *memory = NULL;
}

/* For the tests. */

void double_reset(void) {
    memset(&now, 0, sizeof now);
    in_transaction = refused_at = changes = 0;
    told_at = 0;
}

/* The change of that number, from now on, is refused; 0 for none. */
void double_refuse(int at) { refused_at = at ? changes + at : 0; }

/* What is left when the service has ended and come back: what is not persistent is gone. */
void double_restart(void) {
    int kept = 0;
    for (int at = 0; at < now.filter_count; at++)
        if (now.filters[at]->flags & (PERSISTENT | BOOTTIME))
            now.filters[kept++] = now.filters[at];
    now.filter_count = kept;
    for (int at = now.sublayer_count; at-- > 0;)
        if (!(now.sublayers[at]->flags & PERSISTENT))
            now.sublayers[at] = now.sublayers[--now.sublayer_count];
    for (int at = now.provider_count; at-- > 0;)
        if (!(now.providers[at]->flags & PERSISTENT))
            now.providers[at] = now.providers[--now.provider_count];
}

#include "fwpuclnt_shown.h"
