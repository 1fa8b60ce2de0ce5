/* Capintec CRC-55R and CRC-55tR dose calibrator (crc55).
 * Written by isodrip interface; every fact is the public source's that it names.
 * Line: RS-232, 9600 baud, 8 data bits, no parity, 1 stop bit
 * Framing: $ LEN PAYLOAD CHK #; LEN is 0x41 and the payload's length, CHK seven bits. A lone @ is
 * a poll that is answered by a line that ends in #.
 * Watchdog: none: it moves nothing
 */
#ifndef ISODRIP_CRC55_H
#define ISODRIP_CRC55_H

/* start, characters: tag (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_TAG_START 0UL

/* width, characters: tag (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_TAG_WIDTH 3UL

/* start, characters: nuclide or calibration number, space-padded (lulzzz/iRadiate,
 * CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_NUCLIDE_START 3UL

/* width, characters: nuclide or calibration number, space-padded (lulzzz/iRadiate,
 * CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_NUCLIDE_WIDTH 8UL

/* start, characters: activity, alignment undocumented (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_ACTIVITY_START 11UL

/* width, characters: activity, alignment undocumented (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_ACTIVITY_WIDTH 6UL

/* start, characters: unit digit (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_UNIT_START 17UL

/* width, characters: unit digit (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_UNIT_WIDTH 1UL

/* what the source's host allows for a whole answer (lulzzz/iRadiate, Settings.settings) */
#define ISODRIP_CRC55_HOST_TIMEOUT_MS 1000UL

/* UNIT: unit digit of a reading; any other is refused (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_UNIT_OVER_RANGE 0UL
#define ISODRIP_CRC55_UNIT_MICROCURIE 1UL
#define ISODRIP_CRC55_UNIT_MILLICURIE 2UL
#define ISODRIP_CRC55_UNIT_CURIE 3UL
#define ISODRIP_CRC55_UNIT_KILOBECQUEREL 4UL
#define ISODRIP_CRC55_UNIT_MEGABECQUEREL 5UL
#define ISODRIP_CRC55_UNIT_GIGABECQUEREL 6UL
#define ISODRIP_CRC55_UNIT_MILLIVOLT 7UL
#define ISODRIP_CRC55_UNIT_VOLT 8UL

/* ERROR: errors in the source's order (lulzzz/iRadiate, CapintecDoseCalibrator.cs) */
#define ISODRIP_CRC55_ERROR_RECEIVE_ERROR 0UL
#define ISODRIP_CRC55_ERROR_CHECKSUM_INCORRECT 1UL
#define ISODRIP_CRC55_ERROR_NO_SUCH_COMMAND 2UL
#define ISODRIP_CRC55_ERROR_LENGTH_DISAGREES 3UL
#define ISODRIP_CRC55_ERROR_NO_SUCH_CHAMBER 4UL

/* X(name, text, writes, energises) */
#define ISODRIP_CRC55_COMMANDS(X) \
    X(READ, "Rn", 0, 0) \
    X(SELECT, "Ink", 1, 0)

#endif /* ISODRIP_CRC55_H */
