# What of App Control only PowerShell can do. Started by -File with words, never with a text of ours.
param(
    [ValidateSet('convert', 'refresh', 'status')][string]$Work,
    [string]$From,
    [string]$To
)
$ErrorActionPreference = 'Stop'
switch ($Work) {
    'convert' {
        ConvertFrom-CIPolicy -XmlFilePath $From -BinaryFilePath $To | Out-Null
    }
    'refresh' {
        $answer = Invoke-CimMethod -Namespace 'root\Microsoft\Windows\CI' `
            -ClassName 'PS_UpdateAndCompareCIPolicy' -MethodName 'Update' `
            -Arguments @{ FilePath = $From }
        if ($answer.ReturnValue -ne 0) { throw "Update answered $($answer.ReturnValue)" }
    }
    'status' {
        $found = Get-CimInstance -Namespace 'root\Microsoft\Windows\DeviceGuard' `
            -ClassName 'Win32_DeviceGuard'
        # Under the policy itself this script runs in the constrained language: no method calls.
        Write-Output $found.UsermodeCodeIntegrityPolicyEnforcementStatus
    }
    default { throw 'nothing to do' }
}
