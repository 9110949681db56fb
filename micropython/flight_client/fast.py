"""The hot paths in the best form that this board has: machine code for it, machine code that it can make, or bytecode.

An .mpy file with machine code is refused by another processor with ValueError; a board that cannot compile viper refuses
the source with SyntaxError; both fall back.
"""

try:
    from ._viper import (
        FORM,
        Emitter,
        copy,
        crc32c_into,
        delta_values,
        extra_words,
        header_check,
        mask_into,
        memory,
        pack,
        ring_drop,
        ring_put,
        slot_word,
        whole,
    )
except (ImportError, SyntaxError, ValueError):
    from ._plain import (  # type: ignore[assignment]
        FORM,
        Emitter,
        copy,
        crc32c_into,
        delta_values,
        extra_words,
        header_check,
        mask_into,
        memory,
        pack,
        ring_drop,
        ring_put,
        slot_word,
        whole,
    )
