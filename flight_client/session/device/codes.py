"""What poll() asks of the driver, and what receive() tells it."""

# poll(): do this, then call poll() again until it answers NOTHING
NOTHING = 0
OPEN = 1  # open the transport policy.transport(); answer with opened() or failed()
DROP = 2  # close the transport, if there is one
SEND = 3  # a frame lies in `out`, its header in the out_ fields
PACK_CRITICAL = 4  # pack critical events into `out` from out_at, at most out_room bytes; answer with packed()
PACK_LOSSY = 5  # the same with lossy events
TURN = 6  # what was sent since the last TURN goes out together; on polling it is one request
LETTER = 8  # a critical frame's time was over: store.letter_slot, letter_events, letter_sent
TOO_LARGE = 10  # answer of pack_large() only: this event can never go
RECODE = 9  # write the records in `out`, from out.at, out.count bytes, without out.flags; answer with recoded()
REFRESH = 11  # ask for a new token; answer with renewal.supply() or renewal.none()
PROBE = 7  # try policy.probe_target() on a throw-away connection; answer with probed()

# receive()
QUIET = 0  # nothing for the application
DELIVERED = 1  # records between event_start and event_end, for channel event_channel
DELIVERED_AFTER_HOLE = 2  # the same, but entries between gap_after and gap_to are missing and nobody said so
MISSING = 3  # the gateway says what is missing: gap_reason, gap_after, gap_to, gap_epoch
ANSWERED = 4  # the gateway answered OPEN of event_channel; its ChannelState has the code
CONNECTED = 5  # the session is ready; `resumed` says whether it is the same one
ENDED = 6  # the gateway ended or refused something: `ending` says why
EVENTS_REFUSED = 7  # the gateway refused a frame: event_channel, refused_code; a letter if store.letter_slot is not -1
BROKEN = 8  # the peer broke the protocol; the session starts anew
TOKEN_REFUSED = 11  # the gateway does not take the new token: refused_code; another one is asked for later
FORGED = 12  # a frame without its right tag: the transport ends, the session goes on

# What the application makes of a failed connection, for recover() of the machine.
ADVICE_NONE = 0  # the policy alone
ADVICE_BACK_OFF = 1  # count a failure though the connection was healthy: the next wait is longer
ADVICE_POLLING = 2  # poll next
