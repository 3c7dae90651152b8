"""Which DICOM elements may stay in a de-identified copy, by keyword."""

from __future__ import annotations

# fmt: off
# Carried over as they are.
TECHNICAL = frozenset((
    "ImageType", "SOPClassUID", "Modality", "FrameType", "PixelPresentation",
    "VolumetricProperties",
    "VolumeBasedCalculationTechnique", "ComplexImageComponent", "AcquisitionContrast",
    "BodyPartExamined", "ScanningSequence", "SequenceVariant", "ScanOptions",
    "MRAcquisitionType", "AngioFlag", "SliceThickness", "RepetitionTime", "EchoTime",
    "InversionTime", "NumberOfAverages", "ImagingFrequency", "ImagedNucleus",
    "MagneticFieldStrength", "SpacingBetweenSlices", "EchoTrainLength", "PercentSampling",
    "PercentPhaseFieldOfView", "PixelBandwidth", "TriggerTime", "NominalInterval", "FrameTime",
    "HeartRate", "CardiacNumberOfImages", "TriggerWindow", "InPlanePhaseEncodingDirection",
    "FlipAngle", "PatientPosition", "CardiacSynchronizationTechnique", "InversionTimes",
    "EffectiveEchoTime", "SeriesNumber", "AcquisitionNumber", "InstanceNumber",
    "ImagePositionPatient", "ImageOrientationPatient", "TemporalPositionIdentifier",
    "NumberOfTemporalPositions", "TemporalResolution", "SliceLocation",
    "InStackPositionNumber", "TemporalPositionIndex", "NominalCardiacTriggerDelayTime",
    "FrameAcquisitionNumber", "DimensionIndexValues", "DimensionIndexPointer",
    "FunctionalGroupPointer", "RRIntervalTimeNominal", "DimensionOrganizationType",
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "FrameIncrementPointer",
    "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "BurnedInAnnotation", "WindowCenter", "WindowWidth",
    "RescaleIntercept", "RescaleSlope", "RescaleType", "LossyImageCompression",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod", "PresentationLUTShape",
    "Laterality", "LowRRValue", "HighRRValue", "CardiacBeatRejectionTechnique",
    "CardiacSignalSource", "CardiacCyclePosition", "ContentQualification", "ResonantNucleus",
    "KSpaceFiltering", "ApplicableSafetyStandardAgency", "AcquisitionDuration",
    "FrameAcquisitionDuration", "FrameLaterality",
))

# The only words that elements of text may keep: the standard's terms, and vendors' that tell
# what a picture is. A name in a technical element has no way through.
WORDS = frozenset((
    "ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "OTHER", "MIXED", "NONE", "M", "P", "R", "I",
    "MAGNITUDE", "PHASE", "PHASE MAP", "REAL", "IMAGINARY", "VELOCITY", "PSIR", "MAP", "T1 MAP",
    "T1_MAP", "T2 MAP", "T2_MAP", "T2_STAR MAP", "LOCALIZER", "PERFUSION", "MOSAIC", "CINE",
    "RETRO", "NORM", "ND", "DIS2D", "DIS3D", "FIL", "MOCO", "M_FFE", "M_SE", "M_IR", "FFE", "SE",
    "IR", "GR", "EP", "RM", "SK", "MTC", "SS", "TRSS", "SP", "MP", "OSP", "PER", "RG", "CG",
    "PPG", "FC", "PFF", "PFP", "FS", "SAT1", "SAT2", "PFP", "FAST_GEMS", "SEQ_GEMS", "2D", "3D",
    "Y", "N", "YES", "NO", "MR", "HEART", "CHEST", "THORAX", "1H", "ROW", "COL", "COLUMN", "HFS",
    "HFP", "FFS", "FFP", "HFDR", "HFDL", "FFDR", "FFDL", "L", "B", "U", "COLOR", "MONOCHROME",
    "VOLUME", "SAMPLED", "DISTORTED", "UNKNOWN", "DIFFUSION", "FLOW_ENCODED", "FLUID_ATTENUATED",
    "PROTON_DENSITY", "STIR", "T1", "T2", "T2_STAR", "PROSPECTIVE", "REALTIME", "RETROSPECTIVE",
    "PACED", "ECG", "VCG", "PP", "MR", "END_SYSTOLE", "END_DIASTOLE", "UNDETERMINED", "PRODUCT",
    "RESEARCH", "SERVICE", "IEC", "FDA", "MONOCHROME1", "MONOCHROME2", "US", "00", "01",
    "IDENTITY", "INVERSE", "ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "HAMMING", "RIESZ",
    "COSINE", "SINE_WINDOW", "RR_INTERVAL", "QRS_LOOP",
))

# A maker is told by a word of its name, or not at all.
MAKERS = {
    "siemens": "Siemens", "ge ": "GE", "general electric": "GE", "philips": "Philips",
    "canon": "Canon", "toshiba": "Toshiba", "hitachi": "Hitachi", "fujifilm": "Fujifilm",
    "united imaging": "United Imaging", "uih": "United Imaging", "bruker": "Bruker",
    "napari-cmr": "napari-cmr",
}

# What Enhanced MR wants to have and nobody is to see (type 1): stand-ins.
STAND_INS = {
    "DeviceSerialNumber": "REMOVED", "SoftwareVersions": "REMOVED",
    "ManufacturerModelName": "REMOVED", "ContentDate": "19000101", "ContentTime": "000000",
    "AcquisitionDateTime": "19000101000000",
}

# Times of frames count from the first image, on a day of long ago.
SHIFTED_TIMES = frozenset(("FrameAcquisitionDateTime", "FrameReferenceDateTime"))

# Carried over without what is not itself listed here.
FUNCTIONAL_GROUPS = frozenset((
    "MREchoSequence", "MRModifierSequence", "CardiacSynchronizationSequence",
    "MRImageFrameTypeSequence", "FrameContentSequence", "PlanePositionSequence",
    "PlaneOrientationSequence", "DimensionOrganizationSequence", "DimensionIndexSequence",
    "PixelMeasuresSequence", "FrameVOILUTSequence", "PixelValueTransformationSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
))

# Replaced, alike in all files.
REPLACED_UIDS = frozenset((
    "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "DimensionOrganizationUID",
))

# The standard wants them present (type 2); they are left empty.
EMPTIED = frozenset((
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName",
    "PatientBirthDate", "PatientSex", "StudyID", "PositionReferenceIndicator",
))
# fmt: on
