/* Part of fwpuclnt.c: what there is, and how it lies in memory, for the tests to read. */

static void say_value(const FWPM_FILTER_CONDITION0 *one) {
    const FWP_CONDITION_VALUE0 *value = &one->conditionValue;
    const BYTE *bytes;
    char *text = NULL;
    switch (value->type) {
    case FWP_UINT8: say("%u", value->uint8); break;
    case FWP_UINT16: say("%u", value->uint16); break;
    case FWP_UINT32: say("%#x", value->uint32); break;
    case FWP_V4_ADDR_MASK:
        say("%#010x/%#010x", value->v4AddrMask->addr, value->v4AddrMask->mask);
        break;
    case FWP_V6_ADDR_MASK:
        bytes = value->v6AddrMask->addr;
        for (int at = 0; at < 16; at++) say("%02x", bytes[at]);
        say("/%u", value->v6AddrMask->prefixLength);
        break;
    case FWP_BYTE_BLOB_TYPE: say("%ls", (const wchar_t *)value->byteBlob->data); break;
    case FWP_SECURITY_DESCRIPTOR_TYPE:
        ConvertSecurityDescriptorToStringSecurityDescriptorA(
            value->sd->data, SDDL_REVISION_1,
            OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &text, NULL);
        break;
    case FWP_SID: ConvertSidToStringSidA(value->sid, &text); break;
    default: say("type %d", value->type);
    }
    if (text) say("%s", text);
    LocalFree(text);
}

static void say_filter(const FWPM_FILTER0 *filter) {
    const Layer *layer = layer_of(&filter->layerKey);
    say("%s %s weight=%u flags=%s%s%s", layer->name,
        filter->action.type == FWP_ACTION_PERMIT ? "PERMIT" : "BLOCK", filter->weight.uint8,
        filter->flags & PERSISTENT ? "P" : "", filter->flags & BOOTTIME ? "B" : "",
        filter->flags & CLEAR_ACTION_RIGHT ? "C" : "");
    for (UINT32 at = 0; at < filter->numFilterConditions; at++) {
        const FWPM_FILTER_CONDITION0 *one = &filter->filterCondition[at];
        say(" %s%s", fields[field_of(&one->fieldKey)].name,
            one->matchType == FWP_MATCH_FLAGS_ALL_SET ? "&" : "=");
        say_value(one);
    }
    say(" '%ls'\n", filter->displayData.name);
}

/* What was called, and what there is: UTF-8, in memory that the next call takes back. */
const char *double_shown(void) {
    for (int at = 0; at < now.provider_count; at++)
        say("provider flags=%#x service=%ls data=%.*s\n", now.providers[at]->flags,
            now.providers[at]->serviceName ? now.providers[at]->serviceName : L"",
            (int)now.providers[at]->providerData.size, now.providers[at]->providerData.data);
    for (int at = 0; at < now.sublayer_count; at++)
        say("sublayer flags=%#x weight=%#x provider=%d\n", now.sublayers[at]->flags,
            now.sublayers[at]->weight,
            now.sublayers[at]->providerKey ? provider_at(now.sublayers[at]->providerKey) : -1);
    for (int at = 0; at < now.filter_count; at++) say_filter(now.filters[at]);
    say("%s", "");
    told_at = 0;
    return told;
}

#define STRUCTURE(type) say(#type " %u\n", (unsigned)sizeof(type))
#define MEMBER(type, member) say(#type "." #member " %u\n", (unsigned)offsetof(type, member))

/* Where the headers have everything that the shim writes or reads. */
const char *double_layout(void) {
    told_at = 0;
    STRUCTURE(FWPM_FILTER0);
    MEMBER(FWPM_FILTER0, filterKey);
    MEMBER(FWPM_FILTER0, displayData);
    MEMBER(FWPM_FILTER0, flags);
    MEMBER(FWPM_FILTER0, providerKey);
    MEMBER(FWPM_FILTER0, providerData);
    MEMBER(FWPM_FILTER0, layerKey);
    MEMBER(FWPM_FILTER0, subLayerKey);
    MEMBER(FWPM_FILTER0, weight);
    MEMBER(FWPM_FILTER0, numFilterConditions);
    MEMBER(FWPM_FILTER0, filterCondition);
    MEMBER(FWPM_FILTER0, action);
    MEMBER(FWPM_FILTER0, rawContext);
    MEMBER(FWPM_FILTER0, reserved);
    MEMBER(FWPM_FILTER0, filterId);
    MEMBER(FWPM_FILTER0, effectiveWeight);
    STRUCTURE(FWPM_FILTER_CONDITION0);
    MEMBER(FWPM_FILTER_CONDITION0, fieldKey);
    MEMBER(FWPM_FILTER_CONDITION0, matchType);
    MEMBER(FWPM_FILTER_CONDITION0, conditionValue);
    STRUCTURE(FWP_CONDITION_VALUE0);
    MEMBER(FWP_CONDITION_VALUE0, uint8);
    STRUCTURE(FWP_VALUE0);
    MEMBER(FWP_VALUE0, uint8);
    STRUCTURE(FWP_BYTE_BLOB);
    MEMBER(FWP_BYTE_BLOB, data);
    STRUCTURE(FWP_V4_ADDR_AND_MASK);
    MEMBER(FWP_V4_ADDR_AND_MASK, mask);
    STRUCTURE(FWP_V6_ADDR_AND_MASK);
    MEMBER(FWP_V6_ADDR_AND_MASK, prefixLength);
    STRUCTURE(FWPM_ACTION0);
    MEMBER(FWPM_ACTION0, filterType);
    STRUCTURE(FWPM_FILTER_ENUM_TEMPLATE0);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, layerKey);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, enumType);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, flags);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, providerContextTemplate);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, numFilterConditions);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, filterCondition);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, actionMask);
    MEMBER(FWPM_FILTER_ENUM_TEMPLATE0, calloutKey);
    STRUCTURE(FWPM_PROVIDER0);
    MEMBER(FWPM_PROVIDER0, displayData);
    MEMBER(FWPM_PROVIDER0, flags);
    MEMBER(FWPM_PROVIDER0, providerData);
    MEMBER(FWPM_PROVIDER0, serviceName);
    STRUCTURE(FWPM_SUBLAYER0);
    MEMBER(FWPM_SUBLAYER0, displayData);
    MEMBER(FWPM_SUBLAYER0, flags);
    MEMBER(FWPM_SUBLAYER0, providerKey);
    MEMBER(FWPM_SUBLAYER0, providerData);
    MEMBER(FWPM_SUBLAYER0, weight);
    STRUCTURE(FWPM_SESSION0);
    MEMBER(FWPM_SESSION0, displayData);
    MEMBER(FWPM_SESSION0, flags);
    MEMBER(FWPM_SESSION0, txnWaitTimeoutInMSec);
    MEMBER(FWPM_SESSION0, processId);
    MEMBER(FWPM_SESSION0, sid);
    MEMBER(FWPM_SESSION0, username);
    MEMBER(FWPM_SESSION0, kernelMode);
    return told;
}
