"""The hot paths in the best form that this board has: machine code for it, machine code that it can make, or bytecode.

An .mpy file with machine code is refused by another processor with ValueError; a board that cannot compile viper refuses
the source with SyntaxError; both fall back.
"""

try:
    from ._viper import FORM, Emitter, extra_words, memory, pack, ring_drop, ring_put, slot_word, whole
    from ._viper_bytes import copy, crc32c_into, delta_values, header_check, mask_into
except (ImportError, SyntaxError, ValueError):
    from ._plain import FORM, Emitter, extra_words, memory, pack, ring_drop, ring_put, slot_word, whole
    from ._plain_bytes import copy, crc32c_into, delta_values, header_check, mask_into
