"""The grammar: bytes to messages and back, both roles. No I/O, meanings or clocks."""
