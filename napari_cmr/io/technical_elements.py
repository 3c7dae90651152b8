"""Which DICOM elements may stay in a de-identified copy, by keyword."""

from __future__ import annotations

# fmt: off
# Carried over as they are.
TECHNICAL = frozenset((
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "Modality", "Manufacturer",
    "ManufacturerModelName", "FrameType", "PixelPresentation", "VolumetricProperties",
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
    "NumberOfTemporalPositions", "TemporalResolution", "SliceLocation", "StackID",
    "InStackPositionNumber", "TemporalPositionIndex", "NominalCardiacTriggerDelayTime",
    "FrameAcquisitionNumber", "DimensionIndexValues", "DimensionIndexPointer",
    "FunctionalGroupPointer", "RRIntervalTimeNominal", "DimensionOrganizationType",
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "FrameIncrementPointer",
    "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "BurnedInAnnotation", "WindowCenter", "WindowWidth",
    "RescaleIntercept", "RescaleSlope", "RescaleType", "LossyImageCompression",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod", "PresentationLUTShape",
))

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
