"""Stand-ins for the sample policies that Windows carries: their parts, not their words."""

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<SiPolicy xmlns="urn:schemas-microsoft-com:sipolicy" PolicyType="Base Policy">
  <VersionEx>10.0.0.1</VersionEx>
  <PolicyID>{{{name}}}</PolicyID>
  <BasePolicyID>{{{name}}}</BasePolicyID>
  <PlatformID>{{2E07F7E4-194C-4D20-B7C9-6F44A6C5A234}}</PlatformID>
  <Rules>{options}</Rules>
  <EKUs />
  <FileRules>{rules}</FileRules>
  <Signers>{signers}</Signers>
  <SigningScenarios>
    <SigningScenario Value="131" ID="ID_SIGNINGSCENARIO_KERNEL" FriendlyName="Kernel">
      <ProductSigners>{kernel}</ProductSigners>
    </SigningScenario>
    <SigningScenario Value="12" ID="ID_SIGNINGSCENARIO_USER" FriendlyName="User">
      <ProductSigners>{user}</ProductSigners>
    </SigningScenario>
  </SigningScenarios>
  <UpdatePolicySigners />
  <CiSigners />
  <HvciOptions>0</HvciOptions>
  <Settings>
    <Setting Provider="PolicyInfo" Key="Information" ValueName="Name">
      <Value><String>Sample</String></Value>
    </Setting>
  </Settings>
</SiPolicy>
"""


def _options(*names: str) -> str:
    return "".join(f"<Rule><Option>{name}</Option></Rule>" for name in names)


ALLOW_MICROSOFT = _HEAD.format(
    name="11111111-2222-3333-4444-555555555555",
    options=_options(
        "Enabled:Audit Mode",
        "Enabled:Advanced Boot Options Menu",
        "Enabled:UMCI",
        "Enabled:Allow Supplemental Policies",
    ),
    rules="",
    signers='<Signer ID="ID_SIGNER_A" Name="a root"><CertRoot Type="Wellknown" Value="06" />'
    "</Signer>",
    kernel='<AllowedSigners><AllowedSigner SignerId="ID_SIGNER_A" /></AllowedSigners>',
    user='<AllowedSigners><AllowedSigner SignerId="ID_SIGNER_A" /></AllowedSigners>',
).encode()

_ALL = '<FileRulesRef><FileRuleRef RuleID="{id}" /></FileRulesRef>'
ALLOW_ALL = _HEAD.format(
    name="66666666-7777-8888-9999-000000000000",
    options=_options("Enabled:Unsigned System Integrity Policy", "Enabled:UMCI"),
    rules='<Allow ID="ID_ALLOW_A_1" FileName="*" /><Allow ID="ID_ALLOW_A_2" FileName="*" />',
    signers="",
    kernel=_ALL.format(id="ID_ALLOW_A_1"),
    user=_ALL.format(id="ID_ALLOW_A_2"),
).encode()
