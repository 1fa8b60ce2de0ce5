/* NAM-M1 activity meter over Modbus (activity-meter).
 * Written by isodrip interface; every fact is the public source's that it names.
 * Line: RS-485 or RS-232, 19200 baud, 8 data bits, even parity, 1 stop bit, unit 1 unless set
 * otherwise; or Modbus TCP
 * Framing: Modbus RTU or Modbus TCP. One read (function 4) of 30 registers from 0 is one reading:
 * a part of it, or two reads, is none. 32-bit values have the high word first.
 * Watchdog: none: it moves nothing
 */
#ifndef ISODRIP_ACTIVITY_METER_H
#define ISODRIP_ACTIVITY_METER_H

/* what register 0 must hold (NAM-M1 profile of this project, version 1) */
#define ISODRIP_ACTIVITY_METER_MAGIC_IS 16717UL

/* what register 1 must hold (NAM-M1 profile of this project, version 1) */
#define ISODRIP_ACTIVITY_METER_MAP_VERSION_IS 1UL

/* what registers 2-3 must hold (NAM-M1 profile of this project, version 1) */
#define ISODRIP_ACTIVITY_METER_SENTINEL_IS 123456UL

/* what register 9 must hold (NAM-M1 profile of this project, version 1) */
#define ISODRIP_ACTIVITY_METER_UNIT_IS_BQ 1UL

/* of one reading (NAM-M1 profile of this project, version 1) */
#define ISODRIP_ACTIVITY_METER_READING_WORDS 30UL

/* a whole answer, from its question (this project's driver) */
#define ISODRIP_ACTIVITY_METER_ANSWER_WITHIN_MS 500UL

/* of a reading in register 24 (this project's driver) */
#define ISODRIP_ACTIVITY_METER_AGE_MAX_MS 1000UL

/* then the meter stands still (this project's driver) */
#define ISODRIP_ACTIVITY_METER_COUNTER_STILL_MAX_MS 2000UL

/* always 0x414D, 'AM' */
#define ISODRIP_ACTIVITY_METER_MAGIC 0UL

/* always 1 */
#define ISODRIP_ACTIVITY_METER_MAP_VERSION 1UL

/* always 123456.0 */
#define ISODRIP_ACTIVITY_METER_WORD_ORDER_SENTINEL 2UL

/* low 16 bits; see tail */
#define ISODRIP_ACTIVITY_METER_READING_COUNTER_HEAD 4UL

/* final only when VALID alone is set */
#define ISODRIP_ACTIVITY_METER_STATUS_WORD 5UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_VALID 0UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_SETTLING 1UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_OVER_RANGE 2UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_UNDER_RANGE 3UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_HV_FAULT 4UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_ZEROING 5UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_BACKGROUND_RUNNING 6UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_BACKGROUND_EXPIRED 7UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_RANGE_CHANGING 8UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_SATURATION_WARN 9UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_NUCLIDE_CHANGED 10UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_LOCAL_IN_USE 11UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_SELFTEST_FAIL 12UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_QC_DUE 13UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_SOURCE_MOVED 14UL
#define ISODRIP_ACTIVITY_METER_STATUS_WORD_BIT_CLOCK_UNSET 15UL

/* 53 for iodine */
#define ISODRIP_ACTIVITY_METER_NUCLIDE_Z 6UL

/* bit 15 set: metastable */
#define ISODRIP_ACTIVITY_METER_NUCLIDE_A 7UL

/* of the nuclide, on this chamber */
#define ISODRIP_ACTIVITY_METER_CALIBRATION_SETTING 8UL

/* must be 1 = Bq */
#define ISODRIP_ACTIVITY_METER_UNIT 9UL

/* background taken off, Bq */
#define ISODRIP_ACTIVITY_METER_NET_ACTIVITY 10UL

/* checks 10-11, kBq */
#define ISODRIP_ACTIVITY_METER_NET_ACTIVITY_WHOLE_KBQ 12UL

/* of the reading, % */
#define ISODRIP_ACTIVITY_METER_RELATIVE_STANDARD_DEVIATION 14UL

/* as taken off, Bq */
#define ISODRIP_ACTIVITY_METER_BACKGROUND 16UL

/* as measured, A */
#define ISODRIP_ACTIVITY_METER_CHAMBER_CURRENT 18UL

/* of the chamber, 0.1 V */
#define ISODRIP_ACTIVITY_METER_HIGH_VOLTAGE 20UL

/* of the electrometer */
#define ISODRIP_ACTIVITY_METER_RANGE_INDEX 21UL

/* Unix epoch, s */
#define ISODRIP_ACTIVITY_METER_READING_TIME 22UL

/* when the answer was made, ms */
#define ISODRIP_ACTIVITY_METER_READING_AGE 24UL

/* 0 is none */
#define ISODRIP_ACTIVITY_METER_LAST_ERROR 25UL

/* of the meter */
#define ISODRIP_ACTIVITY_METER_SERIAL_NUMBER 26UL

/* equal to head, or torn */
#define ISODRIP_ACTIVITY_METER_READING_COUNTER_TAIL 28UL

/* of registers 0-28, big-endian bytes */
#define ISODRIP_ACTIVITY_METER_CRC_16_MODBUS 29UL

/* starts a task of the meter */
#define ISODRIP_ACTIVITY_METER_COMMAND 0UL
#define ISODRIP_ACTIVITY_METER_COMMAND_IS_ZERO 1UL
#define ISODRIP_ACTIVITY_METER_COMMAND_IS_BACKGROUND 2UL
#define ISODRIP_ACTIVITY_METER_COMMAND_IS_SELF_TEST 3UL

/* the nuclide to set */
#define ISODRIP_ACTIVITY_METER_NUCLIDE_Z_REQUEST 1UL

/* bit 15 set: metastable */
#define ISODRIP_ACTIVITY_METER_NUCLIDE_A_REQUEST 2UL

/* who holds the meter */
#define ISODRIP_ACTIVITY_METER_LOCK_TOKEN 3UL

/* status bits to clear */
#define ISODRIP_ACTIVITY_METER_ACKNOWLEDGE_BITS 4UL

/* X(name, function code that reads it, address, words, type, may be written) */
#define ISODRIP_ACTIVITY_METER_REGISTERS(X) \
    X(MAGIC, 4, 0UL, 1, U16, 0) \
    X(MAP_VERSION, 4, 1UL, 1, U16, 0) \
    X(WORD_ORDER_SENTINEL, 4, 2UL, 2, F32, 0) \
    X(READING_COUNTER_HEAD, 4, 4UL, 1, U16, 0) \
    X(STATUS_WORD, 4, 5UL, 1, U16, 0) \
    X(NUCLIDE_Z, 4, 6UL, 1, U16, 0) \
    X(NUCLIDE_A, 4, 7UL, 1, U16, 0) \
    X(CALIBRATION_SETTING, 4, 8UL, 1, U16, 0) \
    X(UNIT, 4, 9UL, 1, U16, 0) \
    X(NET_ACTIVITY, 4, 10UL, 2, F32, 0) \
    X(NET_ACTIVITY_WHOLE_KBQ, 4, 12UL, 2, U32, 0) \
    X(RELATIVE_STANDARD_DEVIATION, 4, 14UL, 2, F32, 0) \
    X(BACKGROUND, 4, 16UL, 2, F32, 0) \
    X(CHAMBER_CURRENT, 4, 18UL, 2, F32, 0) \
    X(HIGH_VOLTAGE, 4, 20UL, 1, U16, 0) \
    X(RANGE_INDEX, 4, 21UL, 1, U16, 0) \
    X(READING_TIME, 4, 22UL, 2, U32, 0) \
    X(READING_AGE, 4, 24UL, 1, U16, 0) \
    X(LAST_ERROR, 4, 25UL, 1, U16, 0) \
    X(SERIAL_NUMBER, 4, 26UL, 2, U32, 0) \
    X(READING_COUNTER_TAIL, 4, 28UL, 1, U16, 0) \
    X(CRC_16_MODBUS, 4, 29UL, 1, U16, 0) \
    X(COMMAND, 3, 0UL, 1, U16, 1) \
    X(NUCLIDE_Z_REQUEST, 3, 1UL, 1, U16, 1) \
    X(NUCLIDE_A_REQUEST, 3, 2UL, 1, U16, 1) \
    X(LOCK_TOKEN, 3, 3UL, 1, U16, 1) \
    X(ACKNOWLEDGE_BITS, 3, 4UL, 1, U16, 1)

#endif /* ISODRIP_ACTIVITY_METER_H */
