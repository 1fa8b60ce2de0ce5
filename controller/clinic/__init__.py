"""Clinical arithmetic: orders, doses, bands, ledger, accounting, record. No files, no clocks."""
