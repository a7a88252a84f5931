/* Part of fwpuclnt.c: layers and conditions, and what the engine takes of them. */

/* Which of a layer's conditions there are: by address, by port, by program. */
#define ENDS 1
#define PORTS 2
#define PROGRAM 4
#define FLAGS 8
#define PROTOCOL 16

typedef struct { GUID key; const char *name; int version, has; } Layer;
typedef struct { GUID key; const char *name; int needs; } Field;

static const Layer layers[] = {
    {{0xc38d57d1, 0x05a7, 0x4c33, {0x90, 0x4f, 0x7f, 0xbc, 0xee, 0xe6, 0x0e, 0x82}},
     "ALE_AUTH_CONNECT_V4", 4, ENDS | PORTS | PROGRAM | FLAGS | PROTOCOL},
    {{0x4a72393b, 0x319f, 0x44bc, {0x84, 0xc3, 0xba, 0x54, 0xdc, 0xb3, 0xb6, 0xb4}},
     "ALE_AUTH_CONNECT_V6", 6, ENDS | PORTS | PROGRAM | FLAGS | PROTOCOL},
    {{0xe1cd9fe7, 0xf4b5, 0x4273, {0x96, 0xc0, 0x59, 0x2e, 0x48, 0x7b, 0x86, 0x50}},
     "ALE_AUTH_RECV_ACCEPT_V4", 4, ENDS | PORTS | PROGRAM | FLAGS | PROTOCOL},
    {{0xa3b42c97, 0x9f04, 0x4672, {0xb8, 0x7e, 0xce, 0xe9, 0xc4, 0x83, 0x25, 0x7f}},
     "ALE_AUTH_RECV_ACCEPT_V6", 6, ENDS | PORTS | PROGRAM | FLAGS | PROTOCOL},
    {{0x09e61aea, 0xd214, 0x46e2, {0x9b, 0x21, 0xb2, 0x6b, 0x0b, 0x2f, 0x28, 0xc8}},
     "OUTBOUND_TRANSPORT_V4", 4, ENDS | PORTS | FLAGS | PROTOCOL},
    {{0xe1735bde, 0x013f, 0x4655, {0xb3, 0x51, 0xa4, 0x9e, 0x15, 0x76, 0x2d, 0xf0}},
     "OUTBOUND_TRANSPORT_V6", 6, ENDS | PORTS | FLAGS | PROTOCOL},
    {{0x5926dfc8, 0xe3cf, 0x4426, {0xa2, 0x83, 0xdc, 0x39, 0x3f, 0x5d, 0x0f, 0x9d}},
     "INBOUND_TRANSPORT_V4", 4, ENDS | PORTS | FLAGS | PROTOCOL},
    {{0x634a869f, 0xfc23, 0x4b90, {0xb0, 0xc1, 0xbf, 0x62, 0x0a, 0x36, 0xae, 0x6f}},
     "INBOUND_TRANSPORT_V6", 6, ENDS | PORTS | FLAGS | PROTOCOL},
    {{0xa82acc24, 0x4ee1, 0x4ee1, {0xb4, 0x65, 0xfd, 0x1d, 0x25, 0xcb, 0x10, 0xa4}},
     "IPFORWARD_V4", 4, 0},
    {{0x7b964818, 0x19c7, 0x493a, {0xb7, 0x1f, 0x83, 0x2c, 0x36, 0x84, 0xd2, 0x8c}},
     "IPFORWARD_V6", 6, 0},
    {{0x41390100, 0x564c, 0x4b32, {0xbc, 0x1d, 0x71, 0x80, 0x48, 0x35, 0x4d, 0x7c}},
     "OUTBOUND_ICMP_ERROR_V4", 4, ENDS | FLAGS},
    {{0x7fb03b60, 0x7b8d, 0x4dfa, {0xba, 0xdd, 0x98, 0x01, 0x76, 0xfc, 0x4e, 0x12}},
     "OUTBOUND_ICMP_ERROR_V6", 6, ENDS | FLAGS},
    {{0x1247d66d, 0x0b60, 0x4a15, {0x8d, 0x44, 0x71, 0x55, 0xd0, 0xf5, 0x3a, 0x0c}},
     "ALE_RESOURCE_ASSIGNMENT_V4", 4, PROGRAM},
};
static const Field fields[] = {
    {{0x3971ef2b, 0x623e, 0x4f9a, {0x8c, 0xb1, 0x6e, 0x79, 0xb8, 0x06, 0xb9, 0xa7}},
     "IP_PROTOCOL", PROTOCOL},
    {{0xb235ae9a, 0x1d64, 0x49b8, {0xa4, 0x4c, 0x5f, 0xf3, 0xd9, 0x09, 0x50, 0x45}},
     "IP_REMOTE_ADDRESS", ENDS},
    {{0xc35a604d, 0xd22b, 0x4e1a, {0x91, 0xb4, 0x68, 0xf6, 0x74, 0xee, 0x67, 0x4b}},
     "IP_REMOTE_PORT", PORTS},
    {{0x0c1ba1af, 0x5765, 0x453f, {0xaf, 0x22, 0xa8, 0xf7, 0x91, 0xac, 0x77, 0x5b}},
     "IP_LOCAL_PORT", PORTS},
    {{0x632ce23b, 0x5167, 0x435c, {0x86, 0xd7, 0xe9, 0x03, 0x68, 0x4a, 0xa8, 0x0c}},
     "FLAGS", FLAGS},
    {{0xd78e1e87, 0x8644, 0x4ea5, {0x94, 0x37, 0xd8, 0x09, 0xec, 0xef, 0xc9, 0x71}},
     "ALE_APP_ID", PROGRAM},
    {{0xaf043a0a, 0xb34d, 0x4f86, {0x97, 0x9c, 0xc9, 0x03, 0x71, 0xaf, 0x6e, 0x66}},
     "ALE_USER_ID", PROGRAM},
    {{0x71bc78fa, 0xf17c, 0x4997, {0xa6, 0x02, 0x6a, 0xbb, 0x26, 0x1f, 0x35, 0x1c}},
     "ALE_PACKAGE_ID", PROGRAM},
};
enum { IP_PROTOCOL_, REMOTE, REMOTE_PORT, LOCAL_PORT, FLAGS_, APP, USER, PACKAGE };

static const Layer *layer_of(const GUID *key) {
    for (size_t at = 0; at < ARRAYSIZE(layers); at++)
        if (IsEqualGUID(&layers[at].key, key)) return &layers[at];
    return NULL;
}

static int field_of(const GUID *key) {
    for (size_t at = 0; at < ARRAYSIZE(fields); at++)
        if (IsEqualGUID(&fields[at].key, key)) return (int)at;
    return -1;
}

static BOOL is_mask(UINT32 mask) { return ((~mask + 1) & ~mask) == 0; }

static DWORD check_address(const FWP_CONDITION_VALUE0 *value, int version) {
    if (value->type == FWP_UINT32) return version == 4 ? ERROR_SUCCESS : FWP_E_TYPE_MISMATCH;
    if (value->type == FWP_BYTE_ARRAY16_TYPE)
        return version == 6 ? ERROR_SUCCESS : FWP_E_TYPE_MISMATCH;
    if (value->type == FWP_V4_ADDR_MASK) {
        if (version != 4) return FWP_E_TYPE_MISMATCH;
        return is_mask(value->v4AddrMask->mask) ? ERROR_SUCCESS : FWP_E_INVALID_NET_MASK;
    }
    if (value->type == FWP_V6_ADDR_MASK) {
        if (version != 6) return FWP_E_TYPE_MISMATCH;
        return value->v6AddrMask->prefixLength <= 128 ? ERROR_SUCCESS : FWP_E_INVALID_NET_MASK;
    }
    return FWP_E_TYPE_MISMATCH;
}

static DWORD check_program(const FWP_BYTE_BLOB *blob) {
    const wchar_t *text = (const wchar_t *)blob->data;
    size_t count = blob->size / sizeof *text;
    if (!count || blob->size % sizeof *text || text[count - 1] || wcslen(text) != count - 1)
        return FWP_E_INVALID_PARAMETER;
    return wcsncmp(text, L"\\device\\", 8) ? FWP_E_INVALID_PARAMETER : ERROR_SUCCESS;
}

static DWORD check_account(const FWP_BYTE_BLOB *blob) {
    PSECURITY_DESCRIPTOR found = blob->data;
    PSID owner = NULL, group = NULL;
    BOOL defaulted;
    if (!IsValidSecurityDescriptor(found) || GetSecurityDescriptorLength(found) != blob->size)
        return ERROR_INVALID_SECURITY_DESCR;
    GetSecurityDescriptorOwner(found, &owner, &defaulted);
    GetSecurityDescriptorGroup(found, &group, &defaulted);
    return owner && group ? ERROR_SUCCESS : ERROR_INVALID_SECURITY_DESCR;
}

static DWORD check_condition(const FWPM_FILTER_CONDITION0 *one, const Layer *layer) {
    static const int types[] = {
        FWP_UINT8, 0, FWP_UINT16, FWP_UINT16, FWP_UINT32,
        FWP_BYTE_BLOB_TYPE, FWP_SECURITY_DESCRIPTOR_TYPE, FWP_SID,
    };
    int field = field_of(&one->fieldKey);
    if (field < 0 || (fields[field].needs & layer->has) == 0) return FWP_E_CONDITION_NOT_FOUND;
    if (field == FLAGS_) {
        if (one->matchType < FWP_MATCH_FLAGS_ALL_SET || one->matchType > FWP_MATCH_FLAGS_NONE_SET)
            return FWP_E_MATCH_TYPE_MISMATCH;
    } else if (one->matchType != FWP_MATCH_EQUAL)
        return FWP_E_MATCH_TYPE_MISMATCH;
    if (field == REMOTE) return check_address(&one->conditionValue, layer->version);
    if (one->conditionValue.type != (FWP_DATA_TYPE)types[field]) return FWP_E_TYPE_MISMATCH;
    if (field == APP) return check_program(one->conditionValue.byteBlob);
    if (field == USER) return check_account(one->conditionValue.sd);
    if (field == PACKAGE && !IsValidSid(one->conditionValue.sid)) return ERROR_INVALID_SID;
    return ERROR_SUCCESS;
}

static void copy_value(FWP_CONDITION_VALUE0 *value) {
    switch (value->type) {
    case FWP_BYTE_BLOB_TYPE:
    case FWP_SECURITY_DESCRIPTOR_TYPE: value->byteBlob = copied_blob(value->byteBlob); break;
    case FWP_SID: value->sid = copied(value->sid, GetLengthSid(value->sid)); break;
    case FWP_V4_ADDR_MASK:
        value->v4AddrMask = copied(value->v4AddrMask, sizeof *value->v4AddrMask);
        break;
    case FWP_V6_ADDR_MASK:
        value->v6AddrMask = copied(value->v6AddrMask, sizeof *value->v6AddrMask);
        break;
    case FWP_BYTE_ARRAY16_TYPE:
        value->byteArray16 = copied(value->byteArray16, sizeof *value->byteArray16);
        break;
    default: break;
    }
}
