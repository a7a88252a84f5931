"""Who a person or a device is, and what a person may do: people, rules, keys, the device CA."""
