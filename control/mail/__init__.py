"""Mail: letters are written from templates, queued in the store, and sent by whichever control process claims them.

Whoever wants somebody to hear of something calls `control.mail.outbox.queue` in the transaction in which it happened.
"""
