"""Generated from spec/flight.toml by build_scripts/generate.py. Do not edit."""

# name: layout, ((field, struct code or Z for a size, scale, may be unknown, names), ...),
#       ((tail field, kind, limit in bytes, may be absent), ...)
EVENTS = {
    "memory-update": (
        1,
        (
            ('total_bytes', 'Z', 1, True, None),
            ('used_bytes', 'Z', 1, True, None),
            ('available_bytes', 'Z', 1, True, None),
            ('budget_bytes', 'Z', 1, True, None),
            ('fragmentation', 'H', 10000, True, None),
            (None, 'H', 1, False, None),
        ),
        (),
    ),
    "component-update": (
        2,
        (
            ('memory_bytes', 'Z', 1, True, None),
            ('created_age_ms', 'I', 1, True, None),
            ('state', 'B', 1, False, {'active': 1, 'inactive': 2, 'error': 3}),
            (None, 'B', 1, False, None),
            (None, 'H', 1, False, None),
        ),
        (('id', 'text', 64, False), ('name', 'text', 64, False), ('version', 'text', 32, False), ('metadata', 'json', 512, False)),
    ),
    "system-monitoring": (
        3,
        (
            ('memory_used_bytes', 'Z', 1, True, None),
            ('network_received_bytes', 'Z', 1, True, None),
            ('network_sent_bytes', 'Z', 1, True, None),
            ('dropped_events', 'I', 1, True, None),
            ('cpu', 'H', 10000, True, None),
            ('battery', 'H', 10000, True, None),
            ('temperature_c', 'h', 100, True, None),
            ('frames_per_second', 'H', 100, True, None),
            ('queue_fill', 'H', 10000, True, None),
            (None, 'H', 1, False, None),
        ),
        (),
    ),
    "v6r-event": (
        4,
        (
            ('event_type', 'B', 1, False, {'vm-created': 1, 'vm-started': 2, 'vm-stopped': 3, 'vm-deleted': 4, 'vm-scaling': 5}),
            (None, 'B', 1, False, None),
            (None, 'H', 1, False, None),
        ),
        (('resource', 'text', 128, False), ('organization', 'text', 64, True), ('metadata', 'map', 512, False)),
    ),
    "log": (
        5,
        (
            ('level', 'B', 1, False, {'debug': 0, 'info': 1, 'warning': 2, 'error': 3}),
            (None, 'B', 1, False, None),
            (None, 'H', 1, False, None),
        ),
        (('text', 'text', 480, False),),
    ),
    "frame-time": (
        6,
        (
            ('minimum_us', 'I', 1, False, None),
            ('mean_us', 'I', 1, False, None),
            ('maximum_us', 'I', 1, False, None),
            ('count', 'H', 1, False, None),
            ('over_budget', 'H', 1, False, None),
        ),
        (),
    ),
    "payload": (
        7,
        (
            ('kind', 'H', 1, False, None),
            (None, 'H', 1, False, None),
        ),
        (('data', 'bytes', 59992, False),),
    ),
    "command-request": (
        8,
        (
            ('request', 'I', 1, False, None),
            ('timeout_ms', 'I', 1, False, None),
        ),
        (('name', 'text', 64, False), ('target', 'text', 32, False), ('data', 'bytes', 384, False)),
    ),
    "command-result": (
        9,
        (
            ('request', 'I', 1, False, None),
            ('code', 'B', 1, False, {'done': 0, 'failed': 1, 'unknown': 2}),
            (None, 'B', 1, False, None),
            (None, 'H', 1, False, None),
        ),
        (('asker', 'text', 32, False), ('text', 'text', 120, False), ('data', 'bytes', 320, False)),
    ),
}
