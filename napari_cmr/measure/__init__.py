"""Numbers with units from labels. No torch."""
