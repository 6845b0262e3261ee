"""What a running campaign may wait for: data, in one place. The word is stored with the run, and shown."""

#: What it waits for, and what that means to people.
WAITING = {
    "step": "The day of the next message has not come.",
    "window": "The send window is shut.",
    "interval": "The interval since the last message has not passed.",
    "daily_limit": "The campaign's daily limit is reached.",
    "sender_limit": "The sender's daily limit is reached.",
    "pool_limit": "The sender pool's daily limit is reached.",
    "retry": "Messages that were refused for now wait for another try.",
    "channel": "The channel can't carry anything now.",
    "space": "There is no space to write messages to.",
    "hold": "A hold stands.",
}
#: Daily limits, as `rate_limited_until` tells of them.
LIMITS = {"campaign": "daily_limit", "sender": "sender_limit", "pool": "pool_limit"}
