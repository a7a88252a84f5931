"""SIDs out of names: those that Windows itself shows for these."""

from endpoint_shim.windows import sids
from endpoint_shim.windows.sddl import TRUSTED_INSTALLER


def test_a_services_sid_is_the_one_that_windows_has_whatever_the_case() -> None:
    assert sids.of_service("TrustedInstaller") == TRUSTED_INSTALLER
    assert sids.of_service("trustedinstaller") == TRUSTED_INSTALLER


def test_a_packages_sid_is_the_one_that_windows_has_whatever_the_case() -> None:
    # As CheckNetIsolation shows it for the calculator.
    calculator = (
        "S-1-15-2-466767348-3739614953-2700836392-1801644223-4227750657-1087833535-2488631167"
    )
    assert sids.of_package("Microsoft.WindowsCalculator_8wekyb3d8bbwe") == calculator
