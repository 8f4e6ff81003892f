"""Datagrams go to a worker by the address that they come from.

So a NAS always speaks to the same one: duplicates, conversations of EAP and delayed rejects need no other.
"""

from __future__ import annotations

import ctypes
import socket
import struct

SO_ATTACH_REUSEPORT_CBPF = 51
"""asm-generic/socket.h; Python's socket module does not name it."""
LOAD_WORD, MODULO, RETURN = 0x20, 0x94, 0x16
"""linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_MOD|BPF_K, BPF_RET|BPF_A."""
NETWORK_HEADER = 0xFFF00000
"""linux/filter.h, SKF_NET_OFF: offsets count from there."""
LAST_WORD_OF_SOURCE = {socket.AF_INET: 12, socket.AF_INET6: 20}
"""RFC 791 section 3.1; RFC 8200 section 3: of the four words, the last tells neighbours apart."""


def steer(one: socket.socket, count: int) -> None:
    """Of ``count`` sockets bound to one place, the one whose turn it was to be bound is the source's remainder.

    ``one`` is any of them; it stands for all. Raises OSError.
    """
    offset = NETWORK_HEADER + LAST_WORD_OF_SOURCE[socket.AddressFamily(one.family)]
    program = b"".join(
        struct.pack("@HBBI", code, 0, 0, number) for code, number in ((LOAD_WORD, offset), (MODULO, count), (RETURN, 0))
    )
    instructions = ctypes.create_string_buffer(program, len(program))
    said = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, said)
