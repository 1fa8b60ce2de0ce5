/* Capintec CRC-15R and CRC-15 PET dose calibrator (crc15).
 * Written by isodrip interface; every fact is the public source's that it names.
 * Line: RS-232, 4800 baud, 8 data bits, no parity, 1 stop bit
 * Framing: none: @ begins, then each letter is answered by one byte. No checksum. The PRINT key
 * sends a text ending in a line feed unasked: it is thrown away.
 * Watchdog: none: it moves nothing
 */
#ifndef ISODRIP_CRC15_H
#define ISODRIP_CRC15_H

/* above it is no reading (this project's driver) */
#define ISODRIP_CRC15_ACTIVITY_MAX_BQ 1000000000000ULL

/* for a whole answer (this project's driver) */
#define ISODRIP_CRC15_HOST_TIMEOUT_MS 1000UL

/* without any change (this project's driver) */
#define ISODRIP_CRC15_REFRESH_MAX_MS 8000UL

/* UNIT: unit code of a reading, as each public host reads it (crc-15pet.py and CRC15R.java) */
#define ISODRIP_CRC15_UNIT_CODE_1 1UL
#define ISODRIP_CRC15_UNIT_CODE_2 2UL
#define ISODRIP_CRC15_UNIT_CODE_3 3UL
#define ISODRIP_CRC15_UNIT_CODE_4 4UL
#define ISODRIP_CRC15_UNIT_CODE_5 5UL
#define ISODRIP_CRC15_UNIT_CODE_6 6UL

/* X(name, text, writes, energises) */
#define ISODRIP_CRC15_COMMANDS(X) \
    X(READ, "@ABCDEFGHIJK", 0, 0)

#endif /* ISODRIP_CRC15_H */
