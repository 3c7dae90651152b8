"""The reference ranges that are shipped, each with what was read of its publication.

Petersen SE, Aung N, Sanghvi MM, et al. Reference ranges for cardiac structure and function using
cardiovascular magnetic resonance (CMR) in Caucasians from the UK Biobank population cohort.
J Cardiovasc Magn Reson 2017;19:18. doi:10.1186/s12968-017-0327-9.

What was read, and where:

- The publisher's abstract: "healthy Caucasian adults aged 45-74", "steady-state free precession
  imaging at 1.5 Tesla", "Manual analysis", EF "61 ± 5% vs 58 ± 5%" (women, men).
- Table 1 of Kawel-Boehm N et al., J Cardiovasc Magn Reson 2020;22:87 on the publisher's page:
  "Petersen, 2017: 1.5 T, short axis bSSFP, papillary muscles included in LV volume", 368 men and
  432 women, 45-74 years.
- The paper's table "ventricular parameters stratified by gender", not itself but as public
  repositories give it: one that says it read the full text gives, men and women, mean ± SD,
  LV EDV 166 ± 32 and 124 ± 21 mL, ESV 69 ± 16 and 49 ± 11 mL, SV 96 ± 20 and 75 ± 14 mL; a second
  that read it gives the same SV, a third the same EDV and ESV of men. EDV - ESV and EF agree with
  the SV and the abstract's EF. Outer limits over the age bands, which a fourth gives, enclose
  every range below.

Limits are mean ± 1.96 SD in whole units. RV volumes, LV mass and all indexed numbers are left out:
of these no mean with its SD, or no formula of the body surface area, was read.
"""

from __future__ import annotations

from types import MappingProxyType

from napari_cmr.measure.person import Sex

SOURCE = (
    "Petersen SE et al., J Cardiovasc Magn Reson 2017;19:18 (UK Biobank, healthy Caucasians, "
    "1.5 T bSSFP): mean ± 1.96 SD of the published mean and SD"
)
AGE_FROM, AGE_TO = 45, 74

MEANS = MappingProxyType(
    {
        ("lv_edv_ml", Sex.MALE): (166, 32),
        ("lv_edv_ml", Sex.FEMALE): (124, 21),
        ("lv_esv_ml", Sex.MALE): (69, 16),
        ("lv_esv_ml", Sex.FEMALE): (49, 11),
        ("lv_sv_ml", Sex.MALE): (96, 20),
        ("lv_sv_ml", Sex.FEMALE): (75, 14),
        ("lv_ef_percent", Sex.MALE): (58, 5),
        ("lv_ef_percent", Sex.FEMALE): (61, 5),
    }
)
"""Mean and SD of a number (as `napari_cmr.measure.Number.name`) in people of one sex."""
