"""Many devices and many processes: how they are mapped over, join, start and end together."""
