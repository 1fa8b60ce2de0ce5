/* New Era NE-1000 syringe pump (ne1000).
 * Written by isodrip interface; every fact is the public source's that it names.
 * New Era prints on this pump: NOT FOR CLINICAL USE ON HUMANS.
 * Line: RS-232, up to 100 pumps in a row, 19200 baud from the factory, 8 data bits, no parity
 * Framing: Basic: ASCII command and CR; reply STX, address, status, data, ETX. Safe: STX, LEN, the
 * same, CRC-16 (polynomial 0x1021, initial 0), ETX; LEN counts itself to ETX.
 * Watchdog: SAF n: without a valid Safe packet for n seconds the pump stops and holds alarm T.
 * Every valid packet restarts it, STP as well.
 */
#ifndef ISODRIP_NE1000_H
#define ISODRIP_NE1000_H

/* highest address (1200-01) */
#define ISODRIP_NE1000_ADDRESS_MAX 99UL

/* longest watchdog (1200-01 10.2.3) */
#define ISODRIP_NE1000_WATCHDOG_MAX_S 255UL

/* phases of a program (1200-01) */
#define ISODRIP_NE1000_PHASE_MAX 41UL

/* smallest bore (1200-01) */
#define ISODRIP_NE1000_DIAMETER_MIN_UM 100UL

/* widest bore (1200-01) */
#define ISODRIP_NE1000_DIAMETER_MAX_UM 50000UL

/* up to this bore volumes are in uL by default, above in mL (1200-01, quick start) */
#define ISODRIP_NE1000_MICROLITRE_DIAMETER_MAX_UM 14000UL

/* a dispensed counter rolls over to 0 here, in its own unit (epsych2, NE-1000 notes) */
#define ISODRIP_NE1000_COUNTER_ROLLOVER 10000UL

/* an incomplete Safe packet is dropped after this silence (1200-01 10.2.3) */
#define ISODRIP_NE1000_INTER_BYTE_TIMEOUT_MS 500UL

/* PROMPT: first letter of every reply (1200-02 p. 29) */
#define ISODRIP_NE1000_PROMPT_INFUSING "I"
#define ISODRIP_NE1000_PROMPT_WITHDRAWING "W"
#define ISODRIP_NE1000_PROMPT_STOPPED "S"
#define ISODRIP_NE1000_PROMPT_PAUSED "P"
#define ISODRIP_NE1000_PROMPT_TIMED_PAUSE "T"
#define ISODRIP_NE1000_PROMPT_USER_WAIT "U"
#define ISODRIP_NE1000_PROMPT_PURGING "X"

/* ALARM: letter after A? (1200-02 p. 29) */
#define ISODRIP_NE1000_ALARM_RESET "R"
#define ISODRIP_NE1000_ALARM_STALL "S"
#define ISODRIP_NE1000_ALARM_TIMEOUT "T"
#define ISODRIP_NE1000_ALARM_PROGRAM_ERROR "E"
#define ISODRIP_NE1000_ALARM_PHASE_RANGE "O"

/* ERROR: data of a refused command (1200-02 p. 29) */
#define ISODRIP_NE1000_ERROR_UNRECOGNISED "?"
#define ISODRIP_NE1000_ERROR_NOT_APPLICABLE "?NA"
#define ISODRIP_NE1000_ERROR_OUT_OF_RANGE "?OOR"
#define ISODRIP_NE1000_ERROR_INVALID_PACKET "?COM"
#define ISODRIP_NE1000_ERROR_IGNORED "?IGN"

/* RATE_UNIT: suffix of a rate (1200-01) */
#define ISODRIP_NE1000_RATE_UNIT_MICROLITRE_PER_MINUTE "UM"
#define ISODRIP_NE1000_RATE_UNIT_MILLILITRE_PER_MINUTE "MM"
#define ISODRIP_NE1000_RATE_UNIT_MICROLITRE_PER_HOUR "UH"
#define ISODRIP_NE1000_RATE_UNIT_MILLILITRE_PER_HOUR "MH"

/* VOLUME_UNIT: suffix of a volume (1200-01) */
#define ISODRIP_NE1000_VOLUME_UNIT_MICROLITRE "UL"
#define ISODRIP_NE1000_VOLUME_UNIT_MILLILITRE "ML"

/* TRIGGER: parameter of TRG; the driver sets OF or SP only (1200-01) */
#define ISODRIP_NE1000_TRIGGER_FT "FT"
#define ISODRIP_NE1000_TRIGGER_FH "FH"
#define ISODRIP_NE1000_TRIGGER_F2 "F2"
#define ISODRIP_NE1000_TRIGGER_LE "LE"
#define ISODRIP_NE1000_TRIGGER_ST "ST"
#define ISODRIP_NE1000_TRIGGER_T2 "T2"
#define ISODRIP_NE1000_TRIGGER_SP "SP"
#define ISODRIP_NE1000_TRIGGER_P2 "P2"
#define ISODRIP_NE1000_TRIGGER_RL "RL"
#define ISODRIP_NE1000_TRIGGER_RH "RH"
#define ISODRIP_NE1000_TRIGGER_SL "SL"
#define ISODRIP_NE1000_TRIGGER_SH "SH"
#define ISODRIP_NE1000_TRIGGER_OF "OF"

/* X(name, text, writes, energises) */
#define ISODRIP_NE1000_COMMANDS(X) \
    X(STATUS, "", 0, 0) \
    X(VER, "VER", 0, 0) \
    X(SAF, "SAF", 1, 0) \
    X(RUN, "RUN", 1, 1) \
    X(STP, "STP", 1, 0) \
    X(DIS, "DIS", 0, 0) \
    X(CLD, "CLD", 1, 0) \
    X(DIA, "DIA", 1, 0) \
    X(RAT, "RAT", 1, 0) \
    X(VOL, "VOL", 1, 0) \
    X(DIR, "DIR", 1, 0) \
    X(PHN, "PHN", 1, 0) \
    X(FUN, "FUN", 1, 0) \
    X(PF, "PF", 1, 1) \
    X(AL, "AL", 1, 0) \
    X(TRG, "TRG", 1, 1) \
    X(LOC, "LOC", 1, 0) \
    X(BUZ, "BUZ", 1, 0)

#endif /* ISODRIP_NE1000_H */
