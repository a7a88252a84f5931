"""The Action Center: what was asked of devices, what they are to be, who approved it."""
