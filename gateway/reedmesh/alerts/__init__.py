"""The life of an alert and the conditions that raise one. Pure: time is an argument."""
