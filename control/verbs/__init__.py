"""What can be done to the directory and the configuration: functions over one `Transaction`, for API, pages and files.

``create(tx, given)`` and ``update(tx, pk, given)`` take plain mappings with authentik's field names, check them, and
raise `fields.Invalid` with a sentence for each bad field. They know nothing of HTTP.
"""
